"""Evidence from a managed database: connections, replication, storage, processor, and who waits for what."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.stages.diagnosis.incident_time import of_the_incident
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read

LOAD = "db.load"  # average active sessions, with the attributes "source", "statement" and "wait"
REPLICATION_LAG = "replication_lag"
MAINTENANCE = "maintenance_overload"
FAILOVER = "failover"
_LAG_S = 60.0
_BUSY = 80.0
_LEAST_FREE = 2e9
_LEAST_MEMORY = 2e8
_WORDS = (
    (re.compile(r"(out of|insufficient|critically low).{0,40}storage|storage.{0,40}(critically low|is full)", re.I),
     FaultClass.DISK_PRESSURE, "there is no storage space left, so writes are blocked"),
    (re.compile(r"replication lag has exceeded|replica is .{0,20}behind", re.I), REPLICATION_LAG,
     "the replica does not keep up with the primary"),
    (re.compile(r"max_connections|remaining connection slots|too many (clients|connections)", re.I),
     FaultClass.CONNECTION_POOL_EXHAUSTION, "nearly all of max_connections are taken by client sessions"),
    (re.compile(r"checkpoints are occurring too frequently|checkpoint storm", re.I), MAINTENANCE,
     "checkpoints follow one another, because WAL is written faster than it may grow"),
    (re.compile(r"failover (has been initiated|in progress|started)|finished a .{0,20}failover", re.I), FAILOVER,
     "its primary failed and another one took over"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Load:
    """What a statement, or one kind of waiting, costs in average active sessions."""

    name: str
    source: str
    sessions: float
    waits: tuple[str, ...] = ()

    def waits_for(self, *kinds: str) -> bool:
        return bool(self.waits) and self.waits[0].lower().startswith(kinds)


class Database:
    """A limit that is reached names the kind of fault; the statement with the most active sessions names its cause.

    `recent_s`: what was said longer ago, or before the incident began, is history.
    """

    name = "database"

    def __init__(self, weight: float = 2.5, recent_s: float = 3600.0) -> None:
        self._weight = weight
        self._recent_s = recent_s

    def gather(self, case: Case) -> Sequence[Evidence]:
        symptoms = read(case)
        lately = of_the_incident(case, self._recent_s)
        recent = [p for p in case.logs if len(p.counts) == len(lately) and p.counts[lately].sum() > 0]
        told = [e for pattern in recent for e in self._declared(pattern.service, pattern.example)]
        # The same said twice is one finding.
        once = {(e.service, *e.classes): e for e in told}
        return [*(e for s in sorted(symptoms.services) for e in self._measured(symptoms, s)), *once.values()]

    def _declared(self, service: str, line: str) -> Iterator[Evidence]:
        for words, kind, means in _WORDS:
            if words.search(line):
                yield Evidence(self.name, service, f"{service}, {means}: “{line}”", self._weight, {kind: 4.5})

    def _measured(self, symptoms: Symptoms, service: str) -> Iterator[Evidence]:
        statements = _statements(symptoms, service)
        by_name = {d.key.metric.lower(): d for d in symptoms.of(service)}
        if (lag := by_name.get("replicalag")) is not None and lag.last >= _LAG_S:
            yield self._finding(service, f"the replication lag of a replica is {lag.last:.0f} s", REPLICATION_LAG, 5.0)
        if (free := by_name.get("freestoragespace")) is not None and free.last <= _LEAST_FREE:
            left = f"only {free.last / 1e9:.1f} GB of storage space are left"
            yield self._finding(service, left, FaultClass.DISK_PRESSURE, 5.0)
        if (memory := by_name.get("freeablememory")) is not None and memory.last <= _LEAST_MEMORY:
            left = f"only {memory.last / 1e6:.0f} MB of memory can be had"
            yield self._finding(service, left, FaultClass.MEMORY_LEAK, 3.0)
        if (cpu := by_name.get("cpuutilization")) is not None and cpu.last >= _BUSY:
            kind = FaultClass.CPU_SATURATION
            yield self._finding(service, f"{cpu.last:.0f} % of the CPU are used", kind, 3.0)
        if statements:
            yield from self._cause(service, statements)

    def _cause(self, service: str, statements: list[_Load]) -> Iterator[Evidence]:
        first = statements[0]
        said = f"by {first.source}, the query with the most active sessions ({first.sessions:.1f})"
        said += f" is “{first.name}”, {_waiting(first)}"
        classes = {}
        if re.search(r"\bvacuum\b", first.name, re.I):
            classes = {MAINTENANCE: 6.0}
        elif first.waits_for("wal"):
            classes = {REPLICATION_LAG: 2.0}
        others = [s for s in statements[1:] if s.waits_for("cpu") and not first.waits_for("cpu")]
        if others and classes:
            said += f"; the CPU that “{others[0].name}” uses is causally independent of it"
        yield Evidence(self.name, service, said, 0.5 * self._weight, classes)

    def _finding(self, service: str, said: str, kind: str, odds: float) -> Evidence:
        return Evidence(self.name, service, f"{service}: {said}", self._weight, {kind: odds})


def _statements(symptoms: Symptoms, service: str) -> list[_Load]:
    """The statements of a database by the sessions that they keep active, most first; waits in the same order."""
    totals: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for load in symptoms.metric(service, LOAD):
        names = dict(load.key.attributes)
        if (statement := names.get("statement")) and (wait := names.get("wait")):
            totals.setdefault((statement, names.get("source", "its own statistics")), []).append(
                (_sessions(load), wait)
            )
    loads = [
        _Load(statement, source, sum(x for x, _ in waits), tuple(name for _, name in sorted(waits, reverse=True)))
        for (statement, source), waits in totals.items()
    ]
    return sorted(loads, key=lambda load: -load.sessions)


def _sessions(load: SeriesDeviation) -> float:
    return load.last if load.last == load.last else 0.0


def _waiting(load: _Load) -> str:
    if load.waits_for("client"):
        return f"whose client sessions are idle inside a transaction ({load.waits[0]})"
    return f"waiting for {', '.join(load.waits[:3])}"
