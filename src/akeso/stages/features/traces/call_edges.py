"""Who calls whom, how often and since when: the edges of the topology."""

import math
from dataclasses import dataclass, replace

import numpy as np

from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.telemetry.batches import NANOSECONDS, Ids
from akeso.stages.features.peers import Names

_RATE_OVER_S = 10.0


@dataclass(slots=True)
class _Line:
    caller: int
    callee: int
    asynchronous: bool
    rate: float = 0.0
    seen: int = 0


class EdgeBook:
    """Edges with a rate that is smoothed over about ten seconds. An edge is asynchronous while only producers and
    consumers were seen on it."""

    def __init__(self, names: Names, forget: int, width: int) -> None:
        self._names, self._forget = names, forget
        self._width_s = width / NANOSECONDS
        self._share = 1 - math.exp(-self._width_s / _RATE_OVER_S)
        self._lines: dict[int, _Line] = {}
        self._brokers: dict[tuple[int, int], _Line] = {}

    def __copy__(self) -> "EdgeBook":
        twin = EdgeBook(self._names, self._forget, 0)
        twin._width_s, twin._share = self._width_s, self._share
        twin._lines = {group: replace(line) for group, line in self._lines.items()}
        twin._brokers = {pair: replace(line) for pair, line in self._brokers.items()}
        return twin

    def open(self, group: int, caller: int, callee: int, *, asynchronous: bool) -> None:
        """The edge that calls of `group` are counted on."""
        line = self._lines.setdefault(group, _Line(caller, callee, asynchronous))
        line.asynchronous &= asynchronous

    def count(self, groups: Ids, size: int, end: int) -> None:
        """The calls of one slot, the group of each; called once a slot."""
        counts = np.bincount(groups, minlength=size)
        for group, line in list(self._lines.items()):
            self._advance(line, int(counts[group]), end)
            if line.seen < end - self._forget:
                del self._lines[group]
        for pair, line in list(self._brokers.items()):
            self._advance(line, 0, end)
            if line.seen < end - self._forget:
                del self._brokers[pair]

    def consumed(self, broker: int, consumer: int, count: int, end: int) -> None:
        """`consumer` took messages from `broker`; called before `count` of the same slot."""
        line = self._brokers.setdefault((broker, consumer), _Line(broker, consumer, asynchronous=True))
        line.rate += self._share * count / self._width_s
        line.seen = end

    def rename(self, caller: int, peer: str, callee: int) -> list[int]:
        """What was counted as calls to a peer's name is now known to go to `callee`: the groups that ended."""
        tenant, _ = self._names.nodes[caller]
        named = self._names.node(tenant, peer)
        ended = [
            group
            for group, line in self._lines.items()
            if (line.caller, line.callee) == (caller, named) and named != callee
        ]
        for group in ended:
            del self._lines[group]
        return ended

    def topology(self, tenant: str, services: frozenset[str]) -> Topology:
        """The picture of one tenant."""
        lines = [*self._lines.values(), *self._brokers.values()]
        edges: dict[tuple[str, str], Edge] = {}
        for line in lines:
            (owner, caller), (_, callee) = self._names.nodes[line.caller], self._names.nodes[line.callee]
            if owner == tenant and line.seen and (caller, callee) not in edges:
                edges[caller, callee] = Edge(caller, callee, line.asynchronous, line.rate, line.seen)
        return Topology(tuple(edges.values()), services)

    def _advance(self, line: _Line, calls: int, end: int) -> None:
        line.rate *= 1 - self._share
        if calls:
            line.rate += self._share * calls / self._width_s
            line.seen = end
