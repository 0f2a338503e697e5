"""The paths that requests take through the code of a service, before a fault and during it.

A path is what happened in one span, in order: it was entered, it wrote lines, it was left; and, beside that: it was
entered, it opened inner spans, it was left. Each step is followed by another; by which one how often is the habit of
the code. Where requests go on as they hardly ever did before, something is wrong, or what is wrong was met.
(Yu et al., "Nezha", ESEC/FSE 2023, compares how often such pairs are seen; here it is the share of those that came to
the first of the two, so that other requests than usual are no news.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Mask, SpanIds, Times
from akeso.domain.telemetry.traces import Rows, Traces
from akeso.stages.diagnosis.case_cache import cached_per_case

Integers = NDArray[np.int64]

_ENTERED, _WITHIN, _LEFT = range(3)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
_STEP = np.dtype(
    [
        ("path", "u8"),
        ("trace", "u8"),
        ("time", "i8"),
        ("order", "i8"),
        ("step", "i8"),
        ("inside", "i8"),  # place of the span, -1 when it is not known
    ]
)
# The fault may have begun before it was noticed: seconds, and what that costs in nats of evidence.
_EARLIER = ((0.0, 0.0), (30.0, 1.0), (75.0, 2.0))
_FEWEST = 1  # trace that came by before: how little one says, the likelihoods tell
_USUAL = 0.3  # what is done by more than this share is a habit
_NATS = 2.0
_TAKEN = 0.25  # the share of those coming by who newly go this way
_TIMES = 3.0
_MOST = 60
_MEETS = 0.7
_HEALED = 0.25  # what is left of the evidence where requests get further than they did
_MOST_HEALED = 2.5
_ERROR = 17


@dataclass(frozen=True, slots=True)
class Turn:
    """Requests to `service` that came to one step went on to `taken` where they used to go on to `usual`.

    The names tell an operation's beginning and end as "… start" and "… end". nats: the log-likelihood ratio of a
    change; share: of the traces that came by and newly go this way; before, during: (traces that went this way, traces
    that came by); inner: seen in inner spans, not in lines; explained: the same traces had left their way elsewhere
    before.
    """

    service: str
    at: str
    usual: str
    taken: str
    nats: float
    share: float
    before: tuple[int, int]
    during: tuple[int, int]
    inner: bool
    explained: bool = False


@cached_per_case
def turns_of(case: Case) -> tuple[Turn, ...]:
    """The turns of a case (computed once, then shared: a case is hashed by identity)."""
    return tuple(turns(case.traces, case.onset))


def strayed(case: Case, nats: float = 3.0) -> frozenset[str]:
    """The services in which a good share of requests clearly goes another way than before, by themselves."""
    return frozenset(turn.service for turn in turns_of(case) if turn.share * turn.nats >= nats and not turn.explained)


def turns(traces: Traces, onset: int) -> list[Turn]:
    """The places where requests that came after `onset` (ns) newly take another way, clearest first."""
    if not len(traces.spans) and not len(traces.lines):
        return []
    pairs = _pairs(traces)
    return _Habits(traces, pairs, onset).turns() if len(pairs.trace) else []


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Two steps that followed each other: parallel arrays. begun: when the path began; at: when the second came."""

    trace: SpanIds
    begun: Times
    at: Times
    inner: Mask
    inside: Integers
    first: Integers
    second: Integers


def _pairs(traces: Traces) -> _Pairs:
    parts = [_joined(steps) for steps in (_lines_paths(traces), _inner_paths(traces))]
    columns = zip(*parts, strict=True)
    inner = np.repeat([False, True], [len(part[0]) for part in parts])
    trace, begun, at, inside, first, second = (np.concatenate(column) for column in columns)
    return _Pairs(trace, begun, at, inner, inside, first, second)


def _joined(steps: Rows) -> tuple[NDArray[np.generic], ...]:
    """(trace, begun, at, inside, first, second) of neighbours on each path."""
    steps = steps[np.lexsort((steps["time"], steps["order"], steps["path"]))]
    new = np.append(True, steps["path"][1:] != steps["path"][:-1]) if len(steps) else np.zeros(0, np.bool_)
    begins = np.flatnonzero(new)
    begun = np.repeat(steps["time"][begins], np.diff(np.append(begins, len(steps))))
    to = np.flatnonzero(~new)
    here, before = steps[to], steps[to - 1]
    return here["trace"], begun[to], here["time"], here["inside"], before["step"], here["step"]


def _lines_paths(traces: Traces) -> Rows:
    spans, lines = traces.spans, traces.lines
    owner = _places_of(spans["span"], lines["span"])
    known = owner >= 0
    left = spans["end"].copy()
    # Lines are stamped when they were read, which may be after the span's end.
    np.maximum.at(left, owner[known], lines["time"][known] + 1)
    service = _services(traces)[lines["place"]].astype(np.uint64)
    path = np.where(known, lines["span"], (lines["trace"] + service) * _SPREAD)
    inside = np.where(known, spans["place"][owner] if len(spans) else -1, -1)
    written = _steps(path, lines["trace"], lines["time"], _WITHIN, lines["place"], inside)
    return np.concatenate([written, *_ends(spans, spans["end"] if not len(lines) else left)])


def _inner_paths(traces: Traces) -> Rows:
    spans, service = traces.spans, _services(traces)
    parent = _places_of(spans["span"], spans["parent"])
    inner = np.flatnonzero(parent >= 0)
    inner = inner[service[spans["place"][inner]] == service[spans["place"][parent[inner]]]]
    child, above = spans[inner], spans["place"][parent[inner]]
    opened = _steps(child["parent"], child["trace"], child["start"], _WITHIN, child["place"], above)
    return np.concatenate([opened, *_ends(spans, spans["end"])])


def _ends(spans: Rows, left: Times) -> list[Rows]:
    ids, trace, place = spans["span"], spans["trace"], spans["place"]
    return [
        _steps(ids, trace, spans["start"], _ENTERED, place, place),
        _steps(ids, trace, left, _LEFT, place, place),
    ]


def _steps(path: SpanIds, trace: SpanIds, time: Times, order: int, place: Integers, inside: Integers) -> Rows:
    steps = np.zeros(len(path), _STEP)
    steps["path"], steps["trace"], steps["time"], steps["order"] = path, trace, time, order
    # A line, and a span that is opened inside another, are steps of their own; so are both ends of the span itself.
    steps["step"], steps["inside"] = 3 * place.astype(np.int64) + order, inside
    return steps


def _places_of(ids: SpanIds, wanted: SpanIds) -> Integers:
    """Where each wanted id stands among the ids; -1 for 0 and for what is not there."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids)
    place = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    found = order[place]
    return np.where((ids[found] == wanted) & (wanted != 0), found, -1)


def _services(traces: Traces) -> Integers:
    """int64[places]: a number for the service of each place."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(place.service for place in traces.places))}
    return np.array([numbers[place.service] for place in traces.places], np.int64)


class _Habits:
    """Where which share of traces went, before and during."""

    def __init__(self, traces: Traces, pairs: _Pairs, onset: int) -> None:
        self._traces, self._pairs, self._onset = traces, pairs, onset
        size = 3 * len(traces.places)
        inside = (pairs.inside + 1) * 2 + pairs.inner
        start, self._start_of = np.unique(inside * size + pairs.first, return_inverse=True)
        way, self._way_of = np.unique(self._start_of * size + pairs.second, return_inverse=True)
        self._from, self._second = way // size, way % size
        self._first, self._inner = start[self._from] % size, (start[self._from] // size) % 2 == 1
        self._during = pairs.begun > onset
        self._lost = self._losers()

    def turns(self) -> list[Turn]:
        """See the function of the same name."""
        went, came = self._counts(self._way_of), self._counts(self._start_of)
        nats, share, which = self._evidence(went, came[:, self._from])
        nats = self._worse(nats)
        ways = np.flatnonzero(nats >= _NATS)
        ways = ways[np.argsort(-nats[ways] * share[ways])][:_MOST]
        explained = self._explained(ways, nats * share)
        found = []
        for way in ways.tolist():
            before, there = went[which[way], way], came[which[way], self._from[way]]
            counts = (int(before), int(there)), (int(went[-1, way]), int(came[-1, self._from[way]]))
            found.append(self._turn(way, float(nats[way]), float(share[way]), counts, explained[way]))
        return found

    def _counts(self, group: Integers) -> Integers:
        """int64[windows + 1, groups]: different traces in each window before, and during."""
        size = int(group.max()) + 1
        whole = [self._pairs.begun <= self._onset - s * NANOSECONDS for s, _ in _EARLIER]
        return np.stack([self._distinct(group[part], self._pairs.trace[part], size) for part in (*whole, self._during)])

    @staticmethod
    def _distinct(group: Integers, trace: SpanIds, size: int) -> Integers:
        order = np.lexsort((trace, group))
        group, trace = group[order], trace[order]
        new = (
            np.append(True, (group[1:] != group[:-1]) | (trace[1:] != trace[:-1])) if len(group) else np.zeros(0, bool)
        )
        return np.bincount(group[new], minlength=size)

    def _evidence(self, went: Integers, came: Integers) -> tuple[Floats, Floats, Integers]:
        """(nats, share, number of the window before) of each way."""
        best = np.zeros(went.shape[1])
        share, which = np.zeros(went.shape[1]), np.zeros(went.shape[1], np.int64)
        now = went[-1] / np.maximum(came[-1], 1)
        for window, (_, cost) in enumerate(_EARLIER):
            usual = (went[window] + 0.25) / (came[window] + 0.5)
            newly = (now - usual) / (1.0 - usual)
            news = _ratio(went[window], came[window], went[-1], came[-1]) - cost
            fits = (came[window] >= _FEWEST) & (went[-1] >= 2) & (usual <= _USUAL) & (newly >= _TAKEN)
            fits &= (now >= _TIMES * usual) & (news > best)
            best, share = np.where(fits, news, best), np.where(fits, newly, share)
            which = np.where(fits, window, which)
        return best, share, which

    def _worse(self, nats: Floats) -> Floats:
        """The evidence, but little of it where requests used to fail or to end and now go on without an error: it was
        before that something was wrong. What inner spans show of such traces is no more."""
        severity = np.array([place.severity for place in self._traces.places])
        usual = self._second[self._lost[self._from]]
        goes_on = (self._second % 3 != _LEFT) & (usual % 3 == _LEFT)
        healed = (severity[self._second // 3] < _ERROR) & (goes_on | (severity[usual // 3] >= _ERROR))
        telling = np.flatnonzero(nats >= _NATS)
        well = [self._first_taken(way).keys() for way in telling[healed[telling]].tolist()]
        for way in telling[~healed[telling] & self._inner[telling]].tolist():
            mine = self._first_taken(way).keys()
            healed[way] = any(len(mine & traces) >= _MEETS * len(mine) for traces in well)
        return np.where(healed, np.minimum(_HEALED * nats, _MOST_HEALED), nats)

    def _explained(self, ways: Integers, strength: Floats) -> dict[int, bool]:
        """Whether most traces that took a way had taken another of about the same strength before."""
        first = {way: self._first_taken(way) for way in ways.tolist()}
        found = {}
        for way, mine in first.items():
            others = [w for w in first if w != way and strength[w] >= 0.4 * strength[way]]
            found[way] = any(self._follows(mine, first[w], self._inner[way] and not self._inner[w]) for w in others)
        return found

    def _first_taken(self, way: int) -> dict[int, int]:
        """Trace → when it first went this way, of those during the fault."""
        mine = np.flatnonzero((self._way_of == way) & self._during)
        order = mine[np.argsort(-self._pairs.at[mine], kind="stable")]
        return dict(zip(self._pairs.trace[order].tolist(), self._pairs.at[order].tolist(), strict=True))

    @staticmethod
    def _follows(mine: dict[int, int], other: dict[int, int], coarser: bool) -> bool:
        later = sum(
            trace in other and (other[trace] < at or (coarser and other[trace] == at)) for trace, at in mine.items()
        )
        return later >= _MEETS * len(mine)

    def _turn(
        self, way: int, nats: float, share: float, counts: tuple[tuple[int, int], tuple[int, int]], explained: bool
    ) -> Turn:
        place = self._traces.places[int(self._first[way]) // 3]
        return Turn(
            service=place.service,
            at=self._name(int(self._first[way])),
            usual=self._name(int(self._second[self._lost[self._from[way]]])),
            taken=self._name(int(self._second[way])),
            nats=nats,
            share=share,
            before=counts[0],
            during=counts[1],
            inner=bool(self._inner[way]),
            explained=explained,
        )

    def _losers(self) -> Integers:
        """int64[starts]: of the ways from each step, the one that lost the largest share."""
        before = np.bincount(self._way_of[~self._during], minlength=len(self._from)).astype(np.float64)
        during = np.bincount(self._way_of[self._during], minlength=len(self._from)).astype(np.float64)
        starts = int(self._from.max()) + 1
        came, now = (np.maximum(1.0, np.bincount(self._from, part, starts)) for part in (before, during))
        lost = before / came[self._from] - during / now[self._from]
        order = np.lexsort((lost, self._from))
        return order[np.searchsorted(self._from[order], np.arange(starts), side="right") - 1]

    def _name(self, step: int) -> str:
        name, role = self._traces.places[step // 3].name, step % 3
        is_line = self._traces.places[step // 3].severity > 0
        return name if is_line else f"{name} {'end' if role == _LEFT else 'start'}"


def _ratio(went: Integers, came: Integers, went_now: Integers, came_now: Integers) -> Floats:
    """Log-likelihood ratio, in nats, of two shares against one, with half a trace added on both sides; 0 for less."""
    a0, n0 = (went + 0.25).astype(np.float64), (came + 0.5).astype(np.float64)
    a1, n1 = (went_now + 0.25).astype(np.float64), (came_now + 0.5).astype(np.float64)
    two = _likelihood(a0, n0, a0 / n0) + _likelihood(a1, n1, a1 / n1)
    both = (a0 + a1) / (n0 + n1)
    one = _likelihood(a0, n0, both) + _likelihood(a1, n1, both)
    return np.where(a1 / n1 > a0 / n0, two - one, 0.0)


def _likelihood(went: Floats, came: Floats, share: Floats) -> Floats:
    found: Floats = went * np.log(share) + (came - went) * np.log1p(-share)
    return found
