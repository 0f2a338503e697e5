"""From the body of a request to the decision: what a running Akeso keeps up with, and how late its decisions are."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np

from akeso.bench.load.bodies import Body
from akeso.bench.load.decisions import Decisions, slot_end
from akeso.bench.load.process import RunningAkeso, running_akeso
from akeso.bench.load.sender import Endpoint, Sender, Sent
from akeso.domain.telemetry.batches import NANOSECONDS

# As senders have: a body waits for the disk and for the slot that is being closed.
CONNECTIONS = 16
_DRAIN_S = 30.0
_WARM_S = 3
_MORE, _LESS = (1.5, 1.25, 1.1), (0.9, 0.8, 0.72, 0.64)
_READY_S = 4.0
# Counters of the feature agent: what was not counted in its own slot.
_MISPLACED = ("akeso_samples_late", "akeso_samples_dropped", "akeso_samples_repeated", "akeso_series_refused")
_ALIGNED = 'akeso_agent_messages_total{agent="feature"}'

Prepare = Callable[[int, float], Sequence[Body]]


@dataclass(frozen=True, slots=True)
class Held:
    """What one load did to one Akeso.

    offered: items a second; decided: items a second between two decisions; misplaced: the share of items that were not
    counted in their own slot; lost: the share that was refused or never sent;
    p50_ms, p99_ms: from just before an item's request was sent to the sight of the decision on its slot; cpu: cores
    that Akeso was busy on."""

    offered: float
    decided: float
    misplaced: float
    lost: float
    p50_ms: float
    p99_ms: float
    cpu: float

    @property
    def kept_up(self) -> bool:
        """Whether Akeso can go on like that: no more than one item in a hundred was refused, given up or late, and
        decisions did not fall behind."""
        return self.misplaced <= 0.01 and self.lost <= 0.01 and self.p99_ms <= 3_000


@dataclass(frozen=True, slots=True)
class Load:
    """A kind of request. prepare: (start in ns, items a second) → bodies; warm: (instant in ns) → bodies after which
    nothing is new any more; settings: of the Akeso that takes them."""

    path: str
    headers: str
    prepare: Prepare
    warm: Callable[[int], Sequence[Body]]
    settings: tuple[str, ...] = ()


def held(load: Load, rate: float) -> Held:
    """Offer `rate` items a second to an Akeso of its own."""
    with TemporaryDirectory(prefix="akeso-throughput-") as folder:
        arguments = [word for setting in (*_ALONE, *load.settings) for word in ("--set", setting)]
        with running_akeso(Path(folder), *arguments) as running, Decisions(running.data) as decisions:
            _warm(running, load, decisions)
            return _offer(running, load, _prepared(load, rate), decisions)


def _warm(running: RunningAkeso, load: Load, decisions: Decisions) -> None:
    """Twice, and until the feature agent has taken in all of it. What is new costs once, so nothing is given up."""
    sender, sent = Sender(Endpoint(running.url, load.path, load.headers + running.key_header), 1, patience=2**62), 0
    for _ in range(2):
        sent += len(sender.send(load.warm(time.time_ns())))
        deadline = time.monotonic() + _DRAIN_S
        while _metric(running, _ALIGNED) < sent and time.monotonic() < deadline:
            time.sleep(0.1)
        decisions.await_slot(slot_end(time.time_ns()), _DRAIN_S)


def _prepared(load: Load, rate: float) -> Sequence[Body]:
    """Requests whose times are still to come when they are ready."""
    ready_s = _READY_S
    while True:
        began = time.time_ns()
        start = began + round(ready_s * NANOSECONDS)
        bodies = load.prepare(start, rate)
        if time.time_ns() < start:
            return bodies
        ready_s = 1.5 * (time.time_ns() - began) / NANOSECONDS


def highest(load: Load, first: float, most: float = inf) -> Held:
    """The highest load that is kept up with among `first`, some that are up to half as large again but at most `most`,
    and, when even `first` is not, some smaller ones; when none is, the smallest."""
    found = held(load, first)
    if found.kept_up:
        larger = (held(load, more * first) for more in _MORE if more * first <= most)
        return next((more for more in larger if more.kept_up), found)
    for less in _LESS:
        found = held(load, less * first)
        if found.kept_up:
            break
    return found


# The standard ports of OTLP may be somebody else's.
_ALONE = ("grpc_port=0", "otlp_http_port=0")


def _offer(running: RunningAkeso, load: Load, bodies: Sequence[Body], decisions: Decisions) -> Held:
    sender = Sender(Endpoint(running.url, load.path, load.headers + running.key_header), CONNECTIONS)
    before, busy = _misplaced(running), running.cpu_seconds()
    time.sleep(max(0.0, bodies[0].due / NANOSECONDS - time.time()))
    began = time.monotonic()
    sent = sender.send(bodies)
    cpu = (running.cpu_seconds() - busy) / (time.monotonic() - began)
    decisions.await_slot(slot_end(bodies[-1].due), _DRAIN_S)
    items = sum(each.items for each in bodies)
    taken = [each for each in sent if each.taken]
    delay, weight = delays_of(taken, decisions.seen)
    p50, p99 = _quantiles(delay, weight, (0.5, 0.99))
    span = (bodies[-1].due - bodies[0].due) / NANOSECONDS
    return Held(
        offered=(items - bodies[-1].items) / span,
        decided=min(decided_rate(taken, decisions.seen), (items - bodies[-1].items) / span),
        misplaced=(_misplaced(running) - before) / items,
        lost=1.0 - sum(each.body.items for each in taken) / items,
        p50_ms=p50,
        p99_ms=p99,
        cpu=cpu,
    )


def decided_rate(taken: Sequence[Sent], seen: Sequence[tuple[int, int]]) -> float:
    """Items of all slots that were decided between the sight of one decision and of another, over that time; the first
    seconds, in which series are met, are left out. 0 when there were no two decisions."""
    first_slot = slot_end(min((each.body.due for each in taken), default=0)) + _WARM_S * NANOSECONDS
    last_slot = slot_end(max((each.body.due for each in taken), default=0)) - NANOSECONDS
    # Early looks do not end a slot.
    marks = [(end, at) for end, at in seen if first_slot <= end <= last_slot and end % NANOSECONDS == 0]
    if len(marks) < 2:
        return 0.0
    (first, began), (last, ended) = marks[0], marks[-1]
    items = sum(each.body.items for each in taken if first < slot_end(each.body.due) <= last)
    return items / ((ended - began) / NANOSECONDS)


def delays_of(taken: Sequence[Sent], seen: Sequence[tuple[int, int]]) -> tuple[list[float], list[int]]:
    """ms from sending to the decision, and the items of each request; what was never decided took for ever."""
    ends = np.array([end for end, _ in seen], np.int64)
    sights = [at for _, at in seen]
    delay, weight = [], []
    began = min((each.body.due for each in taken), default=0) + _WARM_S * NANOSECONDS
    for each in taken:
        if each.body.due < began:
            continue
        # A slot is decided on at its end, or at an early look that came after the sample.
        place = int(np.searchsorted(ends, each.body.due, side="right"))
        delay.append((sights[place] - each.sent) / 1e6 if place < len(sights) else float("inf"))
        weight.append(each.body.items)
    return delay, weight


def _quantiles(delay: Sequence[float], weight: Sequence[int], shares: Sequence[float]) -> list[float]:
    if not delay:
        return [float("inf") for _ in shares]
    order = np.argsort(delay)
    reached = np.cumsum(np.array(weight)[order])
    return [float(np.array(delay)[order][np.searchsorted(reached, share * reached[-1])]) for share in shares]


def _misplaced(running: RunningAkeso) -> float:
    return _metric(running, *(f"{name}_total" for name in _MISPLACED))


def _metric(running: RunningAkeso, *names: str) -> float:
    """The sum of some of Akeso's own metrics."""
    with httpx.Client(base_url=running.url, trust_env=False, timeout=30) as http:
        answer = http.get("/metrics", headers={"X-API-Key": running.key})
    answer.raise_for_status()
    rows = (line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    return sum(float(row[1]) for row in rows if row[0] in names)
