"""Debian's Redis and RabbitMQ with their defaults; both keep what they hold on the ordinary disk."""

from pathlib import Path

from akeso.lab.errors import ShopError
from akeso.lab.shop.folder import write_atomically
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.facts import Ports
from akeso.lab.street.stack.programs import Program


def redis_program(folder: StreetFolder, ports: Ports) -> Program:
    """Redis, saving snapshots as its defaults say."""
    place = folder.at("redis")
    options = ("--bind", "127.0.0.1", "--port", str(ports["redis"]), "--dir", str(place))
    return Program("redis", ["redis-server", *options])


def rabbitmq_programs(folder: StreetFolder, ports: Ports) -> tuple[Program, ...]:
    """RabbitMQ with its Prometheus plugin, and the port mapper that it would leave behind. Raises ShopError."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    if not found:
        raise ShopError("RabbitMQ is missing; `bash scripts/services.sh up` installs it")
    place = folder.at("rabbitmq")
    settings = {
        "listeners.tcp.1": f"127.0.0.1:{ports['rabbitmq']}",
        "prometheus.tcp.ip": "127.0.0.1",
        "prometheus.tcp.port": str(ports["rabbitmq_metrics"]),
    }
    write_atomically(place / "rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
    write_atomically(place / "enabled_plugins", "[rabbitmq_prometheus].\n")
    write_atomically(place / "rabbitmq-env.conf", "")
    environment = {
        "HOME": str(place),
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_NODE_PORT": str(ports["rabbitmq"]),
        "RABBITMQ_DIST_PORT": str(ports["rabbitmq_nodes"]),
        "RABBITMQ_CONF_ENV_FILE": str(place / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(place / "mnesia"),
        "RABBITMQ_LOG_BASE": str(place / "log"),
        "RABBITMQ_PID_FILE": str(place / "pid"),
    }
    mapper = ["epmd", "-port", str(ports["epmd"]), "-address", "127.0.0.1"]
    return Program("epmd", mapper), Program("rabbitmq", [str(found[-1])], environment=environment)
