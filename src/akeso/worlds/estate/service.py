"""Services, their operations and what these call."""

from dataclasses import dataclass
from enum import StrEnum


class ServiceKind(StrEnum):
    """What a service is to others."""

    WEB = "web"  # answers calls
    GATEWAY = "gateway"  # stands where visitors come in
    WORKER = "worker"  # takes messages from a queue
    BATCH = "batch"  # runs by a schedule and ends
    DATABASE = "database"
    CACHE = "cache"
    QUEUE = "queue"
    THIRD_PARTY = "third_party"  # somebody else's: is seen only by who calls it
    MACHINE = "machine"  # a fleet of bare machines that tell gauges and nothing else


class CallProtocol(StrEnum):
    """How two services speak."""

    HTTP = "http"
    GRPC = "grpc"
    SQL = "sql"
    REDIS = "redis"
    MESSAGE = "message"
    NONE = "none"  # inner work of a machine or job, seen by nobody


class Runtime(StrEnum):
    """What a process is written in: decides on memory, collections, exceptions and loggers."""

    PYTHON = "python"
    JAVA = "java"
    GO = "go"
    NODE = "node"
    DOTNET = "dotnet"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an operation makes. service, operation: to whom; mean: how often a request makes it (at least 0);
    timeout_ms, retries: of the caller; cached_by: a cache service that answers most of them before; optional: its
    failure does not fail the request; fallback: there is a stand-in to switch to; share: of the requests that come
    here at all."""

    service: str
    operation: str
    mean: float = 1.0
    timeout_ms: float = 5_000.0
    retries: int = 0
    cached_by: str = ""
    optional: bool = False
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a service does. name: as it is told (`GET /cart/{id}`, `SELECT orders`, a topic); cpu_ms: processor
    time a request takes; wait_ms: time it waits for nobody in the estate; spread: coefficient of variation of both;
    writes: it writes to the disk (kilobytes a request); error_ratio, missing_ratio: of its calls that fail or ask for
    what is not there (404) on an ordinary day."""

    name: str
    cpu_ms: float = 2.0
    wait_ms: float = 1.0
    spread: float = 0.6
    writes_kb: float = 0.0
    error_ratio: float = 0.0
    missing_ratio: float = 0.0
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Adds instances above the target utilisation of the processor and removes them below half of it."""

    least: int
    most: int
    target: float = 0.65


@dataclass(frozen=True, slots=True)
class Schedule:
    """Of a batch job or a backup: every how many seconds, with which delay in the period, for about how long."""

    every_s: float
    offset_s: float = 0.0
    lasts_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Service:
    """One service. cores, memory_mb: limits of an instance (cores 0: none but the node's); concurrency: requests an
    instance works on at once; accept: how many more wait in it before it refuses; pool: connections of an instance to
    each service it calls (0: no pool, one a call); start_s: from start to first answer; consumes: (queue, topic) of a
    worker; connection_limit: of a database; sidecar: a proxy stands before each instance; error_objective,
    latency_objective_ms (95 of 100 calls): what its users were promised (0: three times the calm value); alone: one
    process of its own machine, supervised by systemd instead of an orchestrator."""

    name: str
    kind: ServiceKind = ServiceKind.WEB
    protocol: CallProtocol = CallProtocol.HTTP
    runtime: Runtime = Runtime.PYTHON
    product: str = ""  # postgresql, mysql, redis, rabbitmq, kafka, nginx, envoy, … where it is bought and not written
    namespace: str = "default"
    replicas: int = 2
    cores: float = 1.0
    memory_mb: float = 512.0
    concurrency: int = 16
    accept: int = 128
    pool: int = 20
    pool_timeout_ms: float = 5_000.0
    start_s: float = 8.0
    disk_gb: float = 0.0
    connection_limit: int = 0
    operations: tuple[Operation, ...] = ()
    consumes: tuple[str, str] | None = None
    autoscaling: Autoscaling | None = None
    schedule: Schedule | None = None
    sidecar: bool = False
    alone: bool = False
    logs: float = 0.1  # share of ordinary requests that write a line
    version: str = "1.0.0"
    error_objective: float = 0.02
    latency_objective_ms: float = 0.0

    def operation(self, name: str) -> Operation:
        """The operation of that name. Raises KeyError."""
        return next((o for o in self.operations if o.name == name), None) or _absent(self.name, name)

    @property
    def stores(self) -> bool:
        """Whether it keeps what others need: database, cache or queue."""
        return self.kind in {ServiceKind.DATABASE, ServiceKind.CACHE, ServiceKind.QUEUE}


def _absent(service: str, operation: str) -> Operation:
    raise KeyError(f"{service} has no operation {operation}")
