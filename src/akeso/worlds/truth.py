"""What is really so in a world: causes, and what users feel."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Remedy:
    """An action on a target, as `World.act` takes it."""

    action: str
    target: str


@dataclass(frozen=True, slots=True)
class Truth:
    """One thing that happened, of a fault or of ordinary life.

    id: unique in the world; kind: the fault's or event's name; fault_class: of akeso.domain.diagnosis.FaultClass or of
    the knowledge that ships ("" for ordinary life); entity: what is broken: a service, node, queue or third party;
    service: the service a person would be called for; instances: rows, empty when it is all of them; ordinary: it must
    open nothing; gap: telemetry itself is lost, which may open a telemetry gap and no more; began, ended: ns, ended
    None while it lasts; hurts: services whose users it is meant to hurt (directly and through their callers); helps:
    each ends it or the harm of it; harms: makes it worse or costs something for nothing; lasting: it outlives its own
    trigger.
    """

    id: str
    kind: str
    fault_class: str
    entity: str
    service: str
    began: int
    ended: int | None = None
    instances: tuple[int, ...] = ()
    ordinary: bool = False
    gap: bool = False
    hurts: frozenset[str] = frozenset()
    helps: frozenset[Remedy] = frozenset()
    harms: frozenset[Remedy] = frozenset()
    lasting: bool = False
    partial: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hurt:
    """What users of a service felt over the last `over_s` seconds, against what they were promised. `calls` is how
    many; p95_ms is NaN without any. A service nobody calls (a worker, a job, a machine) is judged by its work:
    `backlog_s` is how late that is, and `backlog_objective_s` how late it may be (0: does not apply)."""

    service: str
    calls: int
    error_ratio: float
    p95_ms: float
    error_objective: float
    latency_objective_ms: float
    backlog_s: float = 0.0
    backlog_objective_s: float = 0.0
    over_s: float = field(default=30.0)

    @property
    def errs(self) -> bool:
        """More calls fail than promised, and it is not one or two by chance."""
        return self.calls * self.error_ratio > 2.5 and self.error_ratio > self.error_objective

    @property
    def slow(self) -> bool:
        """Calls take longer than promised."""
        return self.calls > 0 and self.p95_ms > self.latency_objective_ms

    @property
    def late(self) -> bool:
        """Work waits longer than promised."""
        return self.backlog_objective_s > 0 and self.backlog_s > self.backlog_objective_s

    @property
    def hurts(self) -> bool:
        """Whether anybody is worse off than promised."""
        return self.errs or self.slow or self.late
