"""Spans of the requests of a tick, both sides of each call."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids, Mask, SpanIds, Times
from akeso.worlds.answers import Answer
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.identifiers import eights, inner_spans, pieces, server_spans, trace_ids
from akeso.worlds.dialects.otel.conventions import (
    INTERNAL,
    SpanWords,
    client_span,
    raised_by_callee,
    raised_by_caller,
    server_span,
    serves,
)
from akeso.worlds.dialects.otel.span_template import SpanTemplate, span, template
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.estate.service import CallProtocol, Runtime, ServiceKind
from akeso.worlds.happening import Thrown
from akeso.worlds.observation import Observation, RequestColumns

_INSIDE = {Runtime.NODE: "request handler - {}", Runtime.JAVA: "Controller.{}"}
_ANSWERS = len(Answer)
_NONE, _ROOT = np.uint64(0), bytes(8)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Spans and whose they are. owner: int32[n] rows of instances; end: int64[n] true ns; spans: as fields (2)."""

    owner: Ids
    end: Times
    spans: list[bytes]


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """What is written, one row a span. code: what its template is made for; parent: 0 for none."""

    trace: list[bytes]
    owner: Ids
    code: Ids
    own: SpanIds
    parent: SpanIds
    start: Times
    end: Times

    def where(self, keep: Mask) -> "_Columns":
        trace = [each for each, kept in zip(self.trace, keep.tolist(), strict=True) if kept]
        ids = (self.own[keep], self.parent[keep])
        return _Columns(trace, self.owner[keep], self.code[keep], *ids, self.start[keep], self.end[keep])


class SpanWriter:
    """Writes what the services of an assignment tell. old: conventions before 1.20; inside: with internal spans."""

    def __init__(self, assignment: Assignment, *, old: bool, inside: bool) -> None:
        self._seed, self._old, self._census = assignment.seed, old, assignment.tally.census
        census, service = self._census, assignment.tally.service_of
        self._writes: Mask = np.array([serves(each) for each in census.services], np.bool_)[service]
        self._tells: Mask = self._writes & assignment.mine
        self._silent: Mask = np.array([each.protocol is CallProtocol.NONE for each in census.sites], np.bool_)
        inner = [inside and each.runtime in _INSIDE and each.kind is ServiceKind.WEB for each in census.services]
        self._inner: Mask = np.array(inner, np.bool_)[service] & self._tells
        self._templates: dict[tuple[str, int, Thrown | None], SpanTemplate] = {}
        self._observation = assignment.tally.latest

    def sides(self, requests: RequestColumns, observation: Observation) -> Iterator[Side]:
        """The callers' spans, the callees', and those inside the callees'. requests: some of the observation's."""
        self._observation, skew_s = observation, observation.instances.clock_skew_s
        census, traces = self._census, trace_ids(requests.trace, self._seed)
        caller, callee = census.link_caller[requests.link], census.link_callee[requests.link]
        site, servers = census.link_site[requests.link], server_spans(requests.span)
        silent = self._silent[site]
        above = np.maximum(requests.parent, 0)
        parent = np.where((requests.parent >= 0) & ~silent[above], servers[above], _NONE)
        asked = (caller >= 0) & self._tells[caller] & ~silent
        end = requests.start + requests.duration
        clients = _Columns(traces, caller, site * _ANSWERS + requests.seen, requests.span, parent, requests.start, end)
        yield self._side("client", clients.where(asked), skew_s)
        answered = (requests.server_duration > 0) & self._tells[callee] & ~silent
        # Neither visitors nor brokers write a span that the callee's could hang on.
        parent = np.where((caller >= 0) & self._writes[caller], requests.span, _NONE)
        code = census.link_endpoint[requests.link] * _ANSWERS + requests.served
        end = requests.server_start + requests.server_duration
        begin = requests.server_start
        yield self._side("server", _Columns(traces, callee, code, servers, parent, begin, end).where(answered), skew_s)
        own, within = inner_spans(requests.span), answered & self._inner[callee]
        margin = requests.server_duration // 50
        inner = _Columns(traces, callee, code, own, servers, begin + margin, end - margin)
        yield self._side("inner", inner.where(within), skew_s)

    def _side(self, side: str, columns: _Columns, skew_s: Floats) -> Side:
        ahead = (skew_s[columns.owner] * SECOND).astype(np.int64)
        parents = [each if each != _ROOT else b"" for each in eights(columns.parent)]
        starts = pieces((columns.start + ahead).astype("<u8").tobytes(), 8)
        ends = pieces((columns.end + ahead).astype("<u8").tobytes(), 8)
        shapes = [self._shape(side, code) for code in columns.code.tolist()]
        rows = zip(shapes, columns.trace, eights(columns.own), parents, zip(starts, ends, strict=True), strict=True)
        return Side(columns.owner, columns.end, [span(*row) for row in rows])

    def _shape(self, side: str, code: int) -> SpanTemplate:
        # The same endpoint may fail today with another exception than yesterday.
        special = self._observation.thrown.get(code // _ANSWERS) if side == "server" else None
        found = self._templates.get((side, code, special))
        if found is None:
            words = self._words(side, code // _ANSWERS, Answer(code % _ANSWERS))
            found = self._templates[side, code, special] = template(words)
        return found

    def _words(self, side: str, group: int, answer: Answer) -> SpanWords:
        census = self._census
        if side == "client":
            site = census.sites[group]
            caller, callee = census.services[site.caller], census.services[site.callee]
            link = int(np.flatnonzero(census.link_site == group)[0])
            thrown = raised_by_caller(self._observation, link, answer)
            return client_span(caller, callee, site, answer, self._old, thrown)
        endpoint = census.endpoints[group]
        service = census.services[census.instances[endpoint.instance].service]
        if side == "server":
            thrown = raised_by_callee(self._observation, group, answer)
            return server_span(service, endpoint.operation, answer, self._old, thrown)
        name = _INSIDE[service.runtime].format(endpoint.operation.partition(" ")[2] or endpoint.operation)
        return SpanWords(name, INTERNAL, {"code.function.name": name.replace(" ", "_")})


def chosen(requests: RequestColumns, keep: Mask) -> RequestColumns:
    """The calls of whole requests that are kept."""
    if keep.all():
        return requests
    place = np.cumsum(keep) - 1
    above = np.where(requests.parent < 0, -1, place[np.maximum(requests.parent, 0)])
    columns = {each.name: getattr(requests, each.name)[keep] for each in fields(requests)}
    return RequestColumns(**(columns | {"parent": above[keep]}))
