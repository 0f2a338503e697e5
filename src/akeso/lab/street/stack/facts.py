"""What the parts of the stack are told when their configuration is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from akeso.lab.street.stack.hosts import host_of

Ports = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where services find each other."""

    ports: Ports
    own_mounts: bool

    @property
    def database(self) -> str:
        """The DSN in everybody's settings."""
        return self.database_named("postgres")

    def database_named(self, name: str) -> str:
        """The DSN of another database of the same server."""
        return f"postgresql://library@{host_of('db', self.own_mounts)}:{self.ports['postgres']}/{name}"

    @property
    def redis(self) -> str:
        """The cache's URL."""
        return f"redis://{host_of('cache', self.own_mounts)}:{self.ports['redis']}/0"

    @property
    def queue(self) -> str:
        """The queue's URL. The guest account is the default."""
        return f"amqp://guest:guest@{host_of('queue', self.own_mounts)}:{self.ports['rabbitmq']}/%2F"

    @property
    def catalog(self) -> str:
        """The inner gateway's door to the catalog."""
        return f"http://{host_of('catalog', self.own_mounts)}:{self.ports['inner']}"

    @property
    def loans(self) -> str:
        """The inner gateway's door to the loans, by TLS."""
        return f"https://{host_of('loans', self.own_mounts)}:{self.ports['inner_tls']}"

    @property
    def site(self) -> str:
        """What visitors open."""
        return f"http://127.0.0.1:{self.ports['nginx']}"
