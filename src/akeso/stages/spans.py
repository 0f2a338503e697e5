"""Spans to RED features of services, operations and edges, and to the topology."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from akeso.domain import signal
from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import NANOSECONDS, Floats, Ids, Mask, SpanBlock, SpanKind
from akeso.stages.calls import CallFeatures, CallNames, Calls, mapped
from akeso.stages.clocks import Sender, SenderClocks
from akeso.stages.edges import EdgeBook
from akeso.stages.joins import ROW, Rows, callee_nodes, is_call, is_entry, self_times
from akeso.stages.peers import Names, PeerMemory
from akeso.stages.slotting import Arrival, FeatureOptions, Placing, Tally, nanoseconds
from akeso.stages.unclosed import on_copies

# How long spans are kept to be joined with their children and parents. A child that takes longer is not subtracted
# from its parent's own time, and a message that waits longer in a queue does not show who consumes it.
_JOIN = 15 * NANOSECONDS
_MOST_ROWS = 400_000
_MS = 1e6

_SERVICE = CallNames(signal.RED_RATE, signal.RED_ERRORS, signal.RED_MEAN, signal.RED_SELF, signal.RED_P95)
_OPERATION = CallNames(signal.RED_RATE, signal.RED_ERRORS, signal.RED_MEAN)
_EDGE = CallNames(signal.EDGE_RATE, signal.EDGE_ERROR_RATIO, signal.EDGE_MEAN)


class SpanAligner:
    """Files spans under the slot they end in and joins them when the slot closes.

    A call counts on the edge to the service whose entry span is its child; without one (a dead, silent or foreign
    callee), to the one its peer's name meant before, else to the peer's name itself.
    """

    def __init__(self, table: SeriesTable, options: FeatureOptions, tally: Tally, clocks: SenderClocks) -> None:
        self._placing, self._tally, self._clocks = Placing(options, tally), tally, clocks
        self._names = Names(options.operations)
        self._peers = PeerMemory(self._names)
        self._services = CallFeatures(table, _SERVICE, options)
        self._operations = CallFeatures(table, _OPERATION, options)
        self._edges = CallFeatures(table, _EDGE, options)
        self._rows: Rows = np.empty(0, ROW)
        self._pending: list[Rows] = []
        self.book = EdgeBook(self._names, nanoseconds(options.forget), nanoseconds(options.slot))

    def add(self, tenant: str, block: SpanBlock, arrival: Arrival) -> None:
        """Take in spans of one service."""
        end = block.end
        sender = Sender(tenant, block.service, "", "traces")
        offset = self._clocks.offset(sender, int(end.max(initial=0)), arrival.received)
        placed = self._placing.place(end, arrival, offset)
        rows = np.zeros(len(block), ROW)
        node = self._names.node(tenant, block.service)
        rows["node"], rows["kind"], rows["error"], rows["late"] = node, block.kind, block.error, placed.late
        rows["span"], rows["parent"], rows["start"], rows["end"] = block.span, block.parent, block.start, end
        rows["slot"] = placed.time
        rows["peer"] = self._names.peers_of(block.peers)[block.peer]
        entry = is_entry(rows)
        rows["operation"][entry] = mapped(
            block.operation[entry], lambda code: self._names.operation(node, block.operations[code])
        )
        self._pending.append(rows[placed.keep])

    def close(self, end: int, *, deaf: bool) -> tuple[Ids, Floats]:
        """Feature ids and values of the slot that ends at `end` (ns). deaf: nothing at all arrived."""
        arrived = np.concatenate(self._pending) if self._pending else np.empty(0, ROW)
        self._pending = []
        window = np.concatenate((self._rows, arrived))
        self._learn(window, arrived)
        due = self._due(window, end)
        told = self._told(window, due, end, deaf)
        window["counted"] |= due
        self._rows = window[window["slot"] >= end - _JOIN][-_MOST_ROWS:]
        return told

    def look(self, end: int, *, deaf: bool) -> tuple[Ids, Floats]:
        """What `close` would tell by now, with nothing closed and nothing learnt of peers."""
        window = np.concatenate((self._rows, *self._pending))
        with (
            on_copies(self, "_tally", "book"),
            self._services.unclosed(),
            self._operations.unclosed(),
            self._edges.unclosed(),
        ):
            return self._told(window, self._due(window, end), end, deaf)

    def clear(self) -> None:
        """Time has jumped."""
        for features in (self._services, self._operations, self._edges):
            features.clear()

    def _due(self, window: Rows, end: int) -> Mask:
        """The spans to count now: those of the slot, each span id once."""
        due: Mask = (window["slot"] < end) & ~window["counted"]
        place = np.flatnonzero(due)
        _, first = np.unique(window["span"][place], return_index=True)
        once = np.zeros(len(place), np.bool_)
        once[first] = True
        late = window["late"][place]
        if late.any():
            once &= ~(late & np.isin(window["span"][place], window["span"][window["counted"]]))
        window["counted"][place[~once]] = True
        self._tally.repeated += len(place) - int(once.sum())
        due[place[~once]] = False
        return due

    def _learn(self, window: Rows, arrived: Rows) -> None:
        """What newly arrived entry spans tell of the peers that earlier calls named."""
        entries = arrived[is_entry(arrived) & (arrived["parent"] != 0)]
        if not len(entries):
            return
        calls = window[is_call(window)]
        callee = callee_nodes(calls, entries)
        known = callee >= 0
        for caller, peer, kind, node in _coded(calls[known], callee[known])[0]:
            news = self._peers.learn(caller, peer, asynchronous=kind == SpanKind.PRODUCER, callee=node)
            for group in self.book.rename(caller, self._names.peers[peer], node) if news else ():
                self._edges.drop(group)

    def _told(self, window: Rows, due: Mask, end: int, deaf: bool) -> tuple[Ids, Floats]:
        parts = (*self._entries(window, window[due], end, deaf), self._calls(window, window[due], end, deaf))
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([values for _, values in parts])

    def _entries(self, window: Rows, due: Rows, end: int, deaf: bool) -> Sequence[tuple[Ids, Floats]]:
        entries = due[is_entry(due)]
        own = self_times(entries, window[~is_entry(window)]) / _MS
        self._brokers(entries, end)
        return (
            self._services.close(_calls(mapped(entries["node"], self._service), entries, own), end, deaf=deaf),
            self._operations.close(_calls(mapped(entries["operation"], self._operation), entries, own), end, deaf=deaf),
        )

    def _calls(self, window: Rows, due: Rows, end: int, deaf: bool) -> tuple[Ids, Floats]:
        calls = due[is_call(due)]
        callee = callee_nodes(calls, window[is_entry(window) & (window["parent"] != 0)])
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


def _coded(calls: Rows, callee: Ids) -> tuple[list[tuple[int, int, int, int]], NDArray[np.intp]]:
    """The different (caller, peer, kind, callee) of calls, and which of them each call has."""
    columns = np.stack((calls["node"], calls["peer"], calls["kind"].astype(np.int32), callee))
    unique, inverse = np.unique(columns, axis=1, return_inverse=True)
    return [(row[0], row[1], row[2], row[3]) for row in unique.T.tolist()], inverse.reshape(-1)
