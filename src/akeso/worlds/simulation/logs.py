"""Log lines: what processes write of the calls they serve and make."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from akeso.domain.telemetry.batches import Ids, Mask, Times
from akeso.worlds.answers import HARMLESS, NEVER_ARRIVED, NOT_FOUND, Answer
from akeso.worlds.estate.service import CallProtocol, ServiceKind
from akeso.worlds.happening import Level, Line
from akeso.worlds.observation import OUTSIDE, CallColumns, Observation, RequestColumns
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.wording import exception, own_exception

_WARN, _INFO = Level.WARN, Level.INFO
_FAILURES = 40
_ORDINARY = 15
_LOUD = np.array([answer not in HARMLESS for answer in Answer])


class Logs:
    """Writes the lines of a tick: at most some dozens, of whoever has something to say."""

    def __init__(self, layout: Layout) -> None:
        services = [layout.services[layout.service_of[row]] for row in layout.link_callee]
        writes = [s.kind not in {ServiceKind.THIRD_PARTY, ServiceKind.MACHINE} for s in services]
        self._share = np.array([s.logs for s in services]) * np.array(writes)

    def of_calls(self, seen: Observation, random: Generator) -> list[Line]:
        """Lines about calls that are in no drawn request: failures first, some of the ordinary ones."""
        calls = seen.calls
        if not len(calls):
            return []
        span = seen.end - seen.start
        instants = seen.start + (random.random(len(calls)) * span).astype(np.int64)
        bad = _LOUD[calls.seen] | (_LOUD[calls.served] & (calls.served != NEVER_ARRIVED))
        lines = [line for row in _some(bad, _FAILURES, random) for line in _failure(seen, row, int(instants[row]))]
        fine = ~bad & (random.random(len(calls)) < self._share[calls.link])
        return lines + _served(seen, _some(fine, _ORDINARY, random), instants)

    def of_requests(self, seen: Observation) -> list[Line]:
        """Lines about failing calls of drawn requests, with their trace."""
        drawn = seen.requests
        bad = np.flatnonzero(_LOUD[drawn.seen])[:_FAILURES]
        return [line for row in bad.tolist() for line in _traced(seen, drawn, row)]


def _some(rows: Mask, most: int, random: Generator) -> list[int]:
    found: Ids = np.flatnonzero(rows).astype(np.int32)
    if len(found) > most:
        found = np.sort(random.choice(found, most, replace=False))
    return [int(row) for row in found]


def _failure(seen: Observation, row: int, at: int) -> Iterator[Line]:
    calls: CallColumns = seen.calls
    link, answer, served = int(calls.link[row]), Answer(int(calls.seen[row])), Answer(int(calls.served[row]))
    yield from _told(seen, link, (answer, served), at, (0, 0, 0))


def _traced(seen: Observation, drawn: RequestColumns, row: int) -> Iterator[Line]:
    link, answer, served = int(drawn.link[row]), Answer(int(drawn.seen[row])), Answer(int(drawn.served[row]))
    above = int(drawn.parent[row])
    ids = (int(drawn.trace[row]), int(drawn.span[above]) if above >= 0 else 0, int(drawn.span[row]))
    yield from _told(seen, link, (answer, served), int(drawn.start[row] + drawn.duration[row]), ids)


def _told(
    seen: Observation, link: int, how: tuple[Answer, Answer], at: int, ids: tuple[int, int, int]
) -> Iterator[Line]:
    """The caller tells what it could not get; the callee tells what its own code did."""
    answer, served = how
    census = seen.census
    caller, callee = int(census.link_caller[link]), int(census.link_callee[link])
    site = census.sites[int(census.link_site[link])]
    trace, above, own = ids
    if (
        caller != OUTSIDE
        and answer is not Answer.OK
        and site.protocol is not CallProtocol.NONE
        and not site.asynchronous
    ):
        thrown = exception(seen, link, answer)
        fields = {"operation": site.caller_operation, "peer": site.peer, "error": thrown.message}
        template = "{operation}: call to {peer} failed: {error}"
        yield Line(at, caller, Level.ERROR, _logger(seen, caller), template, fields, thrown, trace, above)
    if served not in {Answer.OK, Answer.NOT_FOUND, Answer.UPSTREAM, Answer.NEVER_ARRIVED, Answer.UNAVAILABLE}:
        thrown = own_exception(seen, int(census.link_endpoint[link]), served)
        fields = {"operation": site.operation, "error": thrown.message}
        template = "unhandled error in {operation}: {error}"
        yield Line(at, callee, Level.ERROR, _logger(seen, callee), template, fields, thrown, trace, own)


def _served(seen: Observation, rows: list[int], instants: Times) -> list[Line]:
    """Ordinary lines of those who serve."""
    census, calls = seen.census, seen.calls
    link = calls.link[rows]
    took = np.where(np.isnan(calls.server_ms[rows]), calls.latency_ms[rows], calls.server_ms[rows])
    columns = (instants[rows], census.link_callee[link], census.link_site[link], calls.served[rows] == NOT_FOUND, took)
    lines = []
    for at, callee, site, missing, ms in zip(*(column.tolist() for column in columns), strict=True):
        fields = {"operation": census.sites[site].operation, "status": "404" if missing else "200", "ms": f"{ms:.1f}"}
        level = _WARN if missing else _INFO
        lines.append(Line(at, callee, level, _logger(seen, callee), "{operation} {status} in {ms} ms", fields))
    return lines


def _logger(seen: Observation, row: int) -> str:
    service = seen.census.services[seen.census.instances[row].service]
    return service.product or f"{service.name.replace('-', '_')}.service"
