"""Cases for tests: a small synthetic system of calls, in which one thing goes wrong.

Latency and errors follow from the call graph, counts are Poisson, and the noise of a mean shrinks with the number of
calls, so that few calls a second look as ragged here as they do in life. The same seed gives the same case.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.service import Binding, Services, ServiceSpec
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.incident.memory import Recollection
from akeso.domain.telemetry import signal as s
from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, Change, FeatureMatrix, Floats, SeriesKey
from akeso.stages.features.metric_meanings import signal_of

START = 1_700_000_000 * NANOSECONDS
TENANT = "test"
TIMEOUT_MS = 2000.0
POOL_SIZE = 8.0
DESTINATION: Attributes = (("messaging.destination.name", "parcels"),)
_MEMORY_LIMIT = 170e6


@dataclass(frozen=True, slots=True)
class Node:
    """A service. calls: callee → calls per request; spans: it tells of its requests; gauges: of its process."""

    name: str
    self_ms: float = 10.0
    calls: Mapping[str, float] = field(default_factory=dict)
    spans: bool = True
    gauges: bool = True
    pool: str = ""  # the callee that it reaches through a pool of connections


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one service from the onset on; everything else of the case follows from it.

    call_ms, call_errors: callee → what only this service's calls to it suffer.
    """

    service: str = ""
    self_ms: float = 0.0
    errors: float = 0.0
    down: bool = False
    hang: bool = False
    stall: bool = False
    rate_factor: float = 1.0
    cpu: float = 0.0
    leak_per_s: float = 0.0
    locks: float = 0.0
    pool_full: bool = False
    call_ms: Mapping[str, float] = field(default_factory=dict)
    call_errors: Mapping[str, float] = field(default_factory=dict)


# Callees stand before their callers.
GRAPH: tuple[Node, ...] = (
    Node("acquirer", 60.0, spans=False, gauges=False),
    Node("records", 2.0, spans=False),
    Node("parcels", 1.0, spans=False),
    Node("stock", 6.0, {"records": 1.0}, pool="records"),
    Node("items", 40.0, {"stock": 1.0}),
    Node("basket", 30.0),
    Node("quotes", 12.0),
    Node("charge", 5.0, {"acquirer": 1.0}),
    Node("ledger", 5.0, {"records": 1.0}, pool="records"),
    Node("buy", 6.0, {"quotes": 1.0, "stock": 1.0, "charge": 1.0, "ledger": 1.0}),
    Node("web", 3.0, {"items": 0.45, "basket": 0.3, "buy": 0.15}),
    Node("shipping", 30.0, {"records": 1.0}, pool="records"),
)
FRONT, CONSUMER, QUEUE, PRODUCER = "web", "shipping", "parcels", "ledger"


def spec(name: str, **changes: object) -> ServiceSpec:
    """A service that can be restarted, scaled, rolled back and reconfigured."""
    bindings: dict[str, Binding] = {kind: {"kind": "fake"} for kind in ("process", "release", "configuration")}
    extra = {"charge": "fallback", "records": "database", CONSUMER: "queue"}
    if name in extra:
        bindings[extra[name]] = {"kind": "fake"}
    values: dict[str, object] = {"tier": 2, "bindings": MappingProxyType(bindings), **changes}
    return ServiceSpec(name, **values)  # type: ignore[arg-type]


SERVICES = Services({n.name: spec(n.name, external=n.name == "acquirer") for n in GRAPH})


@dataclass(frozen=True, slots=True)
class Scene:
    """How to make a case: `past` slots of calm, then `during` slots of `fault`, at `rate` requests a second."""

    fault: Fault = field(default_factory=Fault)
    seed: int = 0
    past: int = 120
    during: int = 6
    rate: float = 20.0
    logs: Mapping[tuple[str, str, int], float] = field(default_factory=dict)  # (service, line, severity) → lines/s
    changes: tuple[tuple[str, str, float], ...] = ()  # (service, kind, seconds before the onset)
    similar: tuple[Recollection, ...] = ()

    @property
    def onset(self) -> int:
        return START + self.past * NANOSECONDS

    def case(self) -> Case:
        """The picture that diagnosis would get."""
        run = _Run(self)
        matrix = run.matrix()
        return Case(
            tenant=TENANT,
            onset=self.onset,
            now=self.onset + self.during * NANOSECONDS,
            features=matrix,
            anomalies=tuple(_anomalies(matrix, self)),
            topology=_topology(),
            logs=tuple(self._logs(run.random)),
            changes=tuple(self._changes()),
            similar=self.similar,
            services=SERVICES,
        )

    def _logs(self, random: np.random.Generator) -> Iterator[LogPattern]:
        for (service, line, severity), per_s in self.logs.items():
            counts = np.zeros(self.past + self.during)
            counts[self.past :] = random.poisson(per_s, self.during)
            yield LogPattern(service, line, severity, line, counts)
        for node in GRAPH:
            if node.spans:
                counts = random.poisson(1.0, self.past + self.during).astype(float)
                yield LogPattern(node.name, "request done", 9, "request done", counts)

    def _changes(self) -> Iterator[Change]:
        for service, kind, before_s in self.changes:
            at = datetime.fromtimestamp(self.onset / NANOSECONDS - before_s, UTC)
            yield Change(service, kind, "2.0.0", at)


def _topology() -> Topology:
    now = START
    calls = [Edge(n.name, callee, False, 1.0, now) for n in GRAPH for callee in n.calls]
    work = [Edge(PRODUCER, CONSUMER, True, 1.0, now), Edge(PRODUCER, QUEUE, True, 1.0, now)]
    return Topology((*calls, *work), frozenset(n.name for n in GRAPH))


def _anomalies(matrix: FeatureMatrix, scene: Scene) -> Iterator[Anomaly]:
    """A crude detector: what left its past by a lot."""
    before, during = matrix.values[: scene.past], matrix.values[scene.past :]
    at = datetime.fromtimestamp(scene.onset / NANOSECONDS, UTC)
    for i, key in enumerate(matrix.keys):
        usual, seen = before[:, i][np.isfinite(before[:, i])], during[:, i][np.isfinite(during[:, i])]
        signal = signal_of(key)
        if not len(usual) or not len(seen) or signal in {s.Signal.TRAFFIC, s.Signal.OTHER, s.Signal.CPU}:
            continue
        limit = usual.mean() + 6.0 * usual.std() + 0.05
        if (level := float(np.median(seen))) > limit:
            yield Anomaly(f"a{i}", TENANT, key, signal, at, at, level / limit, level, usual.mean(), usual.std())


class _Run:
    """One pass over the slots; collects a column a series."""

    def __init__(self, scene: Scene) -> None:
        self.random = np.random.default_rng(scene.seed)
        self._scene = scene
        self._slots = scene.past + scene.during
        self._columns: dict[SeriesKey, Floats] = {}
        self._backlog = 0.0

    def matrix(self) -> FeatureMatrix:
        for slot in range(self._slots):
            fault = self._scene.fault if slot >= self._scene.past else Fault()
            self._slot(slot, fault)
        keys = tuple(self._columns)
        times = START + (np.arange(self._slots, dtype=np.int64) + 1) * NANOSECONDS
        signals = np.array([int(signal_of(key)) for key in keys], np.uint8)
        return FeatureMatrix(keys, signals, times, np.stack([self._columns[k] for k in keys], axis=1))

    def _slot(self, slot: int, fault: Fault) -> None:
        traffic = _Traffic.drawn(self.random, self._scene.rate, fault)
        served: dict[str, _Served] = {}
        for node in GRAPH:
            served[node.name] = self._node(slot, node, fault, traffic, served)
        self._queue(slot, fault, traffic.arrived[CONSUMER])

    def _node(
        self, slot: int, node: Node, fault: Fault, traffic: "_Traffic", served: Mapping[str, "_Served"]
    ) -> "_Served":
        mine = fault if fault.service == node.name else Fault()
        count = traffic.arrived[node.name]
        own = (node.self_ms + mine.self_ms) * self._noise(count)
        latency, passed = own, 1.0 - mine.errors
        for callee in node.calls:
            call = _call(callee, fault, mine, served)
            made = traffic.made[node.name, callee]
            failed = self.random.binomial(made, call.fresh) + round((made - made * call.fresh) * call.errors)
            share = failed / made if made else 0.0
            latency += call.latency_ms * made / max(1, count)
            passed *= 1.0 - min(1.0, made / max(1, count)) * share
            self._edge(slot, (node.name, callee), made, (call.latency_ms, share))
        finished = 0 if mine.down or mine.hang or mine.stall else count
        errors = self._errors(finished, mine.errors, 1.0 - passed)
        if node.spans:
            self._red(slot, node.name, finished, (latency, own, errors))
        if node.gauges:
            self._process(slot, node, mine)
        return _Served(latency, errors)

    def _errors(self, count: int, own: float, all_in_all: float) -> float:
        """What share of `count` requests failed: own failures are drawn, those of callees were drawn there."""
        inherited = (all_in_all - own) / (1.0 - own) if own < 1.0 else 0.0
        drawn = self.random.binomial(count, own) / count if count else own
        return min(1.0, drawn + (1.0 - drawn) * max(0.0, inherited))

    def _noise(self, count: int) -> float:
        return float(np.exp(self.random.normal(0.0, 0.4 / np.sqrt(max(1, count)))))

    def _edge(self, slot: int, ends: tuple[str, str], count: int, seen: tuple[float, float]) -> None:
        caller, peer = ends[0], (("peer", ends[1]),)
        self._set(slot, _key(caller, s.EDGE_RATE, peer), float(count))
        if count:
            self._set(slot, _key(caller, s.EDGE_MEAN, peer, "ms"), seen[0])
            self._set(slot, _key(caller, s.EDGE_ERROR_RATIO, peer), seen[1])

    def _red(self, slot: int, service: str, count: int, seen: tuple[float, float, float]) -> None:
        self._set(slot, _key(service, s.RED_RATE), float(count))
        if count:
            self._set(slot, _key(service, s.RED_MEAN, unit="ms"), seen[0])
            self._set(slot, _key(service, s.RED_SELF, unit="ms"), seen[1])
            self._set(slot, _key(service, s.RED_ERRORS), seen[2])

    def _process(self, slot: int, node: Node, mine: Fault) -> None:
        since = slot - self._scene.past + 1
        silent = since if mine.down or mine.hang else 0
        self._set(slot, _key(node.name, s.SILENCE), silent + float(self.random.uniform(0.2, 0.9)))
        if silent:
            return
        cpu = 0.06 + mine.cpu + float(self.random.normal(0.0, 0.01))
        leaked = mine.leak_per_s * max(0, since)
        self._set(slot, _key(node.name, "process.cpu.utilization"), cpu)
        self._set(slot, _key(node.name, "process.memory.usage"), 70e6 + leaked + float(self.random.normal(0.0, 2e5)))
        self._set(slot, _key(node.name, "process.memory.limit"), _MEMORY_LIMIT)
        if node.pool:
            self._pool(slot, node, mine)
        if node.name == "records":
            self._set(slot, _key(node.name, "postgresql.locks.waiting"), mine.locks)
            self._set(slot, _key(node.name, "postgresql.sessions.blocked"), mine.locks)

    def _pool(self, slot: int, node: Node, mine: Fault) -> None:
        blocked = slot >= self._scene.past and self._scene.fault.locks > 0 and node.pool == self._scene.fault.service
        full = mine.pool_full or blocked
        name = (("db.client.connection.pool.name", node.pool),)
        used = POOL_SIZE if full else float(self.random.poisson(0.2))
        pending = float(self.random.poisson(4.0)) + 1.0 if full else 0.0
        self._set(slot, _key(node.name, "db.client.connection.count", (*name, ("state", "used"))), used)
        self._set(slot, _key(node.name, "db.client.connection.max", name), POOL_SIZE)
        self._set(slot, _key(node.name, "db.client.connection.pending_requests", name), pending)

    def _queue(self, slot: int, fault: Fault, sent: int) -> None:
        mine = fault if fault.service == CONSUMER else Fault()
        stopped = mine.down or mine.hang or mine.stall
        self._backlog = self._backlog + sent if stopped else 0.0
        self._set(slot, _key(QUEUE, "messaging.queue.depth", DESTINATION), self._backlog + self.random.poisson(0.3))
        age = slot - self._scene.past + 1.0 if stopped else 0.05
        self._set(slot, _key(QUEUE, "messaging.queue.oldest_message_age", DESTINATION), age)
        if not stopped:
            self._set(slot, _key(CONSUMER, "messaging.process.duration", DESTINATION, stat="rate"), float(sent))

    def _set(self, slot: int, key: SeriesKey, value: float) -> None:
        if key not in self._columns:
            self._columns[key] = np.full(self._slots, np.nan)
        self._columns[key][slot] = value


def _key(service: str, metric: str, attributes: Attributes = (), unit: str = "", stat: str = "") -> SeriesKey:
    return SeriesKey(TENANT, service, metric, attributes, unit, stat=stat)


@dataclass(frozen=True, slots=True)
class _Served:
    """What callers got in one slot: mean latency, share of failures, and failures that are drawn anew a caller."""

    latency_ms: float
    errors: float
    fresh: float = 0.0


def _call(callee: str, fault: Fault, mine: Fault, served: Mapping[str, _Served]) -> _Served:
    """What a caller with the fault `mine` sees of one callee."""
    if fault.service == callee and fault.hang:
        return _Served(TIMEOUT_MS, 1.0)
    if fault.service == callee and fault.down:
        return _Served(2.0, 1.0)
    waits = 600.0 if fault.service == callee and fault.locks else 0.0
    theirs = served[callee]
    latency = theirs.latency_ms + 1.0 + waits + mine.call_ms.get(callee, 0.0)
    return _Served(latency, theirs.errors, mine.call_errors.get(callee, 0.0))


@dataclass(frozen=True, slots=True)
class _Traffic:
    """Requests that arrived, and calls that were made, in one slot."""

    arrived: Mapping[str, int]
    made: Mapping[tuple[str, str], int]

    @classmethod
    def drawn(cls, random: np.random.Generator, rate: float, fault: Fault) -> "_Traffic":
        arrived = {n.name: 0 for n in GRAPH}
        arrived[FRONT] = int(random.poisson(rate))
        made: dict[tuple[str, str], int] = {}
        for node in reversed(GRAPH):
            mine = fault if fault.service == node.name else Fault()
            if node.name == CONSUMER:
                arrived[CONSUMER] = int(random.poisson(0.15 * rate))
            arrived[node.name] = round(arrived[node.name] * mine.rate_factor)
            for callee, per_request in node.calls.items():
                working = 0 if mine.down or mine.hang or mine.stall else arrived[node.name]
                # A whole number of calls each request, a fraction of them by chance.
                calls = int(random.binomial(working, per_request)) if per_request < 1 else round(working * per_request)
                made[node.name, callee] = calls
                arrived[callee] += calls
        return cls(arrived, made)
