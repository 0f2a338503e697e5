"""The shop as a drawing: its services, how they depend on each other, and what each may use."""

from dataclasses import dataclass, field
from typing import Literal

Store = Literal["postgresql", "valkey"]

EXTERNAL = ("bank", "bank-backup")
PRODUCTS = 200
STREAM = "orders"
CONSUMER_GROUP = "fulfilment"
FALLBACK_FLAG = "fallback"
FIRST_RELEASES = ("1.3.0", "1.4.0")
FIRST_CONFIGURATIONS = ("1", "2")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One service: `work_ms` is what a request occupies a slot for, besides the calls it makes."""

    name: str
    upstreams: tuple[str, ...] = ()
    stores: tuple[Store, ...] = ()
    tier: int = 2
    instances: int = 1
    spares: int = 2
    slots: int = 16
    queue: int = 32
    work_ms: float = 8.0
    timeout_ms: int = 2000
    pool_size: int = 8
    memory_limit_mb: int = 170
    slo_latency_ms: int = 400
    external: bool = False
    exporter: bool = False

    @property
    def program_names(self) -> tuple[str, ...]:
        """The supervisor's process names, those that run by default first."""
        return tuple(f"{self.name}_{number}" for number in range(self.instances + self.spares))

    @property
    def default_names(self) -> tuple[str, ...]:
        """The processes that run by default."""
        return self.program_names[: self.instances]

    @property
    def replaceable(self) -> bool:
        """Whether it has releases and configurations that change."""
        return not (self.external or self.exporter)


@dataclass(frozen=True, slots=True)
class Drawing:
    """All services by name."""

    services: tuple[Blueprint, ...]
    by_name: dict[str, Blueprint] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {service.name: service for service in self.services})

    def __getitem__(self, name: str) -> Blueprint:
        return self.by_name[name]


# Slots and work of catalog, recommendation and cart are small on purpose: a surge of one journey fills exactly
# that service, at a rate two cores can carry, and one more instance gives it room again.
SHOP = Drawing(
    (
        Blueprint(
            "frontend",
            upstreams=("catalog", "recommendation", "cart", "checkout", "orders"),
            tier=1,
            slots=160,
            queue=64,
            work_ms=2.0,
            timeout_ms=2600,
            slo_latency_ms=600,
        ),
        Blueprint("catalog", upstreams=("inventory",), tier=1, slots=4, queue=24, work_ms=90.0, slo_latency_ms=300),
        Blueprint("recommendation", tier=3, slots=4, queue=24, work_ms=100.0, slo_latency_ms=250),
        Blueprint("cart", stores=("valkey",), slots=4, queue=24, work_ms=90.0, slo_latency_ms=250),
        Blueprint(
            "checkout",
            upstreams=("pricing", "inventory", "payment", "orders"),
            tier=1,
            slots=24,
            work_ms=5.0,
            timeout_ms=2300,
            slo_latency_ms=500,
        ),
        Blueprint("pricing", work_ms=12.0, slo_latency_ms=150),
        Blueprint("inventory", stores=("postgresql",), work_ms=6.0, slo_latency_ms=150),
        Blueprint("payment", upstreams=EXTERNAL, tier=1, slots=24, work_ms=4.0, slo_latency_ms=300),
        Blueprint("orders", stores=("postgresql", "valkey"), tier=1, work_ms=5.0, slo_latency_ms=150),
        Blueprint("fulfilment", stores=("postgresql", "valkey"), instances=2, spares=1, work_ms=30.0, pool_size=4),
        Blueprint("bank", slots=64, work_ms=60.0, external=True, spares=0),
        Blueprint("bank-backup", slots=64, work_ms=75.0, external=True, spares=0),
        Blueprint("shop-db", stores=("postgresql",), tier=1, spares=0, pool_size=1, exporter=True),
        Blueprint("order-queue", stores=("valkey",), spares=0, exporter=True),
    )
)
