"""Everything that exists in a world."""

from dataclasses import dataclass
from functools import cached_property

from akeso.worlds.estate.service import Service
from akeso.worlds.estate.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that carries instances."""

    name: str
    cores: float = 8.0
    memory_gb: float = 32.0
    disk_gb: float = 100.0
    zone: str = "a"


@dataclass(frozen=True)
class Estate:
    """Services, machines and visitors. cluster, environment: names that every sender adds as it likes."""

    services: tuple[Service, ...]
    nodes: tuple[Node, ...]
    traffic: tuple[Traffic, ...]
    cluster: str = "main"
    environment: str = "production"

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Service name → its row."""
        return {service.name: row for row, service in enumerate(self.services)}

    def __getitem__(self, name: str) -> Service:
        return self.services[self.row_of[name]]

    def callers_of(self, name: str) -> tuple[str, ...]:
        """Names of the services that call `name` or take its messages."""
        return tuple(
            s.name
            for s in self.services
            if any(c.service == name for o in s.operations for c in o.calls) or (s.consumes or ("",))[0] == name
        )
