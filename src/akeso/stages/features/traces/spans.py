"""Spans to RED features of services, operations and edges, and to the topology."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry import signal
from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Ids, SpanBlock, SpanKind
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.features.peers import Names, PeerMemory
from akeso.stages.features.provisional import on_copies
from akeso.stages.features.sender_clocks import Sender, SenderClocks
from akeso.stages.features.slots import Arrival, FeatureOptions, Placing, Tally
from akeso.stages.features.traces.call_edges import EdgeBook
from akeso.stages.features.traces.calls import CallFeatures, CallNames, Calls, mapped
from akeso.stages.features.traces.span_joins import ROW, Rows, caused_by, children, is_call, is_entry, self_times
from akeso.stages.features.traces.span_window import SpanWindow

# How long spans are kept to be joined with their children and parents. A child that takes longer is not subtracted
# from its parent's own time, and a message that waits longer in a queue does not show who consumes it.
_JOIN = 15 * NANOSECONDS
_MOST_ROWS = 400_000
_MS = 1e6

Places: TypeAlias = NDArray[np.intp]

_SERVICE = CallNames(signal.RED_RATE, signal.RED_ERRORS, signal.RED_MEAN, signal.RED_SELF, signal.RED_P95)
_OPERATION = CallNames(signal.RED_RATE, signal.RED_ERRORS, signal.RED_MEAN)
_EDGE = CallNames(signal.EDGE_RATE, signal.EDGE_ERROR_RATIO, signal.EDGE_MEAN)


class SpanAligner:
    """Files spans under the slot they end in and joins them when the slot closes.

    A call counts on the edge to the service whose entry span is its child or links to it; without one (a dead, silent
    or foreign callee), to the one its peer's name meant before, else to the peer's name itself. A root span that states
    no role enters its service.
    """

    def __init__(self, table: SeriesTable, options: FeatureOptions, tally: Tally, clocks: SenderClocks) -> None:
        self._placing, self._tally, self._clocks = Placing(options, tally), tally, clocks
        self._names = Names(options.operations)
        self._peers = PeerMemory(self._names)
        self._services = CallFeatures(table, _SERVICE, options)
        self._operations = CallFeatures(table, _OPERATION, options)
        self._edges = CallFeatures(table, _EDGE, options)
        self._window = SpanWindow(_MOST_ROWS)
        self._pending: list[Rows] = []
        self._unlearnt = 0  # rows at the end of the window
        self.book = EdgeBook(self._names, duration_ns(options.forget), duration_ns(options.slot))

    def add(self, tenant: str, block: SpanBlock, arrival: Arrival) -> None:
        """Take in spans of one service."""
        end = block.end
        sender = Sender(tenant, block.service, "", "traces")
        offset = self._clocks.offset(sender, int(end.max(initial=0)), arrival.due)
        placed = self._placing.place(end, arrival, offset)
        rows = np.zeros(len(block), ROW)
        node = self._names.node(tenant, block.service)
        rows["node"], rows["kind"], rows["error"], rows["late"] = node, block.role, block.error, placed.late
        rows["span"], rows["parent"], rows["start"], rows["end"] = block.span, block.parent, block.start, end
        rows["slot"], rows["link"] = placed.time, block.link if len(block.link) else 0
        rows["peer"] = self._names.peers_of(block.peers)[block.peer]
        entry = is_entry(rows["kind"])
        rows["operation"][entry] = mapped(
            block.operation[entry], lambda code: self._names.operation(node, block.operations[code])
        )
        self._pending.append(rows[placed.keep])

    def heard(self, tenant: str, service: str) -> None:
        """A service is there, whoever tells it: calls to another name of it are calls to it."""
        self._peers.heard(tenant, service)

    def close(self, end: int, *, deaf: bool) -> tuple[Ids, Floats]:
        """Feature ids and values of the slot that ends at `end` (ns). deaf: nothing at all arrived."""
        self._take_in()
        self._learn()
        due, repeated = self._due(end)
        self._tally.repeated += len(repeated)
        told = self._declared(due, end, deaf)
        counted = self._window["counted"]
        counted[due] = counted[repeated] = True
        self._window.forget(end - _JOIN)
        return told

    def look(self, end: int, *, deaf: bool) -> tuple[Ids, Floats]:
        """What `close` would tell by now, with nothing closed and nothing learnt of peers."""
        self._take_in()
        due, _ = self._due(end)
        with (
            on_copies(self, "book"),
            self._services.provisional(),
            self._operations.provisional(),
            self._edges.provisional(),
        ):
            return self._declared(due, end, deaf)

    def clear(self) -> None:
        """Time has jumped."""
        for features in (self._services, self._operations, self._edges):
            features.clear()

    def _take_in(self) -> None:
        if self._pending:
            rows = np.concatenate(self._pending)
            self._window.append(rows)
            self._unlearnt += len(rows)
            self._pending = []

    def _due(self, end: int) -> tuple[Places, Places]:
        """Where the spans to count now stand, those of the slot, each span id once; and where repetitions do."""
        window = self._window
        due = np.flatnonzero((window["slot"] < end) & ~window["counted"])
        _, first = np.unique(window["span"][due], return_index=True)
        once = np.zeros(len(due), np.bool_)
        once[first] = True
        late = window["late"][due]
        if late.any():
            once &= ~(late & np.isin(window["span"][due], window["span"][window["counted"]]))
        return due[once], due[~once]

    def _learn(self) -> None:
        """What newly arrived entry spans tell of the peers that earlier calls named."""
        window = self._window
        new = np.arange(max(0, len(window) - self._unlearnt), len(window))
        self._unlearnt = 0
        entries = window.at(new[is_entry(window["kind"][new])])
        cause, entry = caused_by(entries)
        calls = np.flatnonzero(is_call(window["kind"]))
        child = children(window["span"][calls], cause)
        known = child >= 0
        called, callee = window.at(calls[known]), entries["node"][entry[child[known]]]
        for caller, peer, kind, node in _coded(called, callee)[0]:
            news = self._peers.learn(caller, peer, asynchronous=kind == SpanKind.PRODUCER, callee=node)
            for group in self.book.rename(caller, self._names.peers[peer], node) if news else ():
                self._edges.drop(group)

    def _declared(self, due: Places, end: int, deaf: bool) -> tuple[Ids, Floats]:
        kind = self._window["kind"][due]
        parts = (*self._entries(due[is_entry(kind)], end, deaf), self._calls(due[is_call(kind)], end, deaf))
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([values for _, values in parts])

    def _entries(self, due: Places, end: int, deaf: bool) -> Sequence[tuple[Ids, Floats]]:
        window = self._window
        entries = window.at(due)
        # What had ended before any of the entries began covers nothing of them.
        may_cover = ~is_entry(window["kind"]) & (window["end"] > entries["start"].min(initial=end))
        own = self_times(entries, window.at(np.flatnonzero(may_cover))) / _MS
        self._brokers(entries, end)
        return (
            self._services.close(_calls(mapped(entries["node"], self._service), entries, own), end, deaf=deaf),
            self._operations.close(_calls(mapped(entries["operation"], self._operation), entries, own), end, deaf=deaf),
        )

    def _calls(self, due: Places, end: int, deaf: bool) -> tuple[Ids, Floats]:
        window = self._window
        calls = window.at(due)
        place = np.flatnonzero(is_entry(window["kind"]))
        cause, entry = caused_by({name: window[name][place] for name in ("parent", "link")})
        child = children(calls["span"], cause)
        callee = np.full(len(calls), -1, np.int32)
        callee[child >= 0] = window["node"][place[entry[child[child >= 0]]]]
        different, which = _coded(calls, callee)
        edge = np.array([self._edge(*each) for each in different], np.int32)[which]
        known = edge >= 0
        grouped = _calls(edge[known], calls[known], np.zeros(int(known.sum())))
        self.book.count(grouped.group, len(self._edges), end)
        return self._edges.close(grouped, end, deaf=deaf)

    def _edge(self, caller: int, peer: int, kind: int, callee: int) -> int:
        asynchronous = kind == SpanKind.PRODUCER
        node = callee if callee >= 0 else self._peers.resolve(caller, peer, asynchronous=asynchronous)
        if node in {-1, caller}:
            return -1
        (tenant, service), (_, name) = self._names.nodes[caller], self._names.nodes[node]
        group = self._edges.group(tenant, service, (("peer", name),))
        self.book.open(group, caller, node, asynchronous=asynchronous)
        return group

    def _brokers(self, entries: Rows, end: int) -> None:
        # Work flows from the queue to whoever consumes it.
        consumed = entries[(entries["kind"] == SpanKind.CONSUMER) & (entries["peer"] != 0)]
        pairs = Counter(zip(consumed["node"].tolist(), consumed["peer"].tolist(), strict=True))
        for (node, peer), count in pairs.items():
            tenant, service = self._names.nodes[node]
            if self._names.peers[peer] != service:
                self.book.consumed(self._names.node(tenant, self._names.peers[peer]), node, count, end)

    def _service(self, node: int) -> int:
        return self._services.group(*self._names.nodes[node])

    def _operation(self, operation: int) -> int:
        node, name = self._names.operations[operation]
        return self._operations.group(*self._names.nodes[node], (("operation", name),))


def _calls(group: Ids, rows: Rows, own_ms: Floats) -> Calls:
    return Calls(group, (rows["end"] - rows["start"]) / _MS, rows["error"], own_ms)


def _coded(calls: Rows, callee: Ids) -> tuple[list[tuple[int, int, int, int]], Places]:
    """The different (caller, peer, kind, callee) of calls, and which of them each call has."""
    columns = [calls[name].astype(np.int64) for name in ("node", "peer", "kind")] + [callee.astype(np.int64)]
    # As one number: far below 2**63, since there are few peers and kinds.
    code = np.zeros(len(calls), np.int64)
    for column in columns:
        code = code * (int(column.max(initial=0)) + 2) + column + 1
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return [(row[0], row[1], row[2], row[3]) for row in np.stack(columns)[:, first].T.tolist()], which.reshape(-1)
