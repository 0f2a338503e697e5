"""Prometheus at 15 s with the usual exporters, Alertmanager, and alert rules after the well-known community ones."""

from dataclasses import dataclass
from importlib import resources

import yaml

from akeso.lab.shop.folder import write_atomically
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.facts import Addresses, Ports
from akeso.lab.street.stack.programs import Program

SCRAPE_EVERY = "15s"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where they send: Prometheus' samples, Alertmanager's notifications. None for nowhere."""

    remote_write: str | None = None
    webhook: str | None = None
    key: str | None = None


def watcher_programs(folder: StreetFolder, addresses: Addresses, listeners: Listeners) -> tuple[Program, ...]:
    """Write the configurations; returns the programs."""
    ports = addresses.ports
    local = {name: f"127.0.0.1:{ports[name]}" for name in ports}
    place, alerts = folder.at("prometheus"), folder.at("alertmanager")
    rules = resources.files("akeso.lab.street.stack").joinpath("rules.yaml").read_text()
    write_atomically(place / "rules.yml", rules)
    write_atomically(place / "prometheus.yml", prometheus_text(ports, listeners))
    write_atomically(alerts / "alertmanager.yml", alertmanager_text(listeners))
    database = {"DATA_SOURCE_NAME": f"{addresses.database}?sslmode=disable"}
    cache = addresses.redis.removesuffix("/0")
    return (
        Program("node-exporter", ["prometheus-node-exporter", f"--web.listen-address={local['node']}"]),
        Program(
            "postgres-exporter",
            ["prometheus-postgres-exporter", f"--web.listen-address={local['postgres_exporter']}"],
            environment=database,
        ),
        Program(
            "redis-exporter",
            ["prometheus-redis-exporter", f"-web.listen-address={local['redis_exporter']}", f"-redis.addr={cache}"],
        ),
        Program(
            "prometheus",
            [
                "prometheus", f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data",
                f"--web.listen-address={local['prometheus']}",
            ],
            phase=1,
        ),
        Program(
            "alertmanager",
            [
                "prometheus-alertmanager", f"--config.file={alerts}/alertmanager.yml", f"--storage.path={alerts}/data",
                f"--web.listen-address={local['alertmanager']}", "--cluster.listen-address=",
            ],
            phase=1,
        ),
    )  # fmt: skip


def prometheus_text(ports: Ports, listeners: Listeners) -> str:
    """Its configuration: every job at the default pace."""
    targets = {
        "node": ("node",),
        "postgres": ("postgres_exporter",),
        "redis": ("redis_exporter",),
        "rabbitmq": ("rabbitmq_metrics",),
        "web": ("web",),
        "catalog": ("catalog_0", "catalog_1"),
        "loans": ("loans",),
        "mailer": ("mailer",),
        "prometheus": ("prometheus",),
    }
    document: dict[str, object] = {
        "global": {"scrape_interval": SCRAPE_EVERY, "evaluation_interval": SCRAPE_EVERY},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{ports[each]}" for each in some]}]}
            for job, some in targets.items()
        ],
    }
    if listeners.remote_write is not None:
        document["remote_write"] = [{"url": listeners.remote_write, **_authorization(listeners)}]
    return yaml.safe_dump(document, sort_keys=False)


def alertmanager_text(listeners: Listeners) -> str:
    """Its configuration: the example's grouping by alert name, with its times."""
    receiver: dict[str, object] = {"name": "on-call"}
    if listeners.webhook is not None:
        authorized = _authorization(listeners)
        receiver["webhook_configs"] = [{"url": listeners.webhook} | ({"http_config": authorized} if authorized else {})]
    route = {
        "receiver": "on-call", "group_by": ["alertname"],
        "group_wait": "30s", "group_interval": "5m", "repeat_interval": "1h",
    }  # fmt: skip
    return yaml.safe_dump({"route": route, "receivers": [receiver]}, sort_keys=False)


def _authorization(listeners: Listeners) -> dict[str, object]:
    return {"authorization": {"credentials": listeners.key}} if listeners.key else {}
