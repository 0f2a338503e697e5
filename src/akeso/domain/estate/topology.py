"""Who calls whom: the graph along which effects travel."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Edge:
    """`caller` calls `callee`. Asynchronous edges (queues) carry work, not waiting time.

    rate: calls per second; last_seen: ns.
    """

    caller: str
    callee: str
    asynchronous: bool = False
    rate: float = 0.0
    last_seen: int = 0


@dataclass(frozen=True, slots=True)
class Topology:
    """A frozen picture of the services and their calls."""

    edges: tuple[Edge, ...] = ()
    services: frozenset[str] = frozenset()
    _callees: dict[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _callers: dict[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for edge in self.edges:
            self._callees[edge.caller] = (*self._callees.get(edge.caller, ()), edge)
            self._callers[edge.callee] = (*self._callers.get(edge.callee, ()), edge)

    @property
    def nodes(self) -> frozenset[str]:
        """Every service that is known or stands at an end of an edge."""
        return self.services | {e.caller for e in self.edges} | {e.callee for e in self.edges}

    def callees(self, service: str) -> tuple[Edge, ...]:
        """The calls that `service` makes."""
        return self._callees.get(service, ())

    def callers(self, service: str) -> tuple[Edge, ...]:
        """The calls that `service` receives."""
        return self._callers.get(service, ())

    def upstream(self, service: str) -> frozenset[str]:
        """Everything that waits on `service`, directly or through others: its blast radius."""
        return frozenset(self._walk(service, lambda s: [e.caller for e in self.callers(s)]))

    def downstream(self, service: str) -> frozenset[str]:
        """Everything `service` stands on, directly or through others."""
        return frozenset(self._walk(service, lambda s: [e.callee for e in self.callees(s)]))

    def distance(self, one: str, other: str, limit: int = 4) -> int | None:
        """Hops between two services regardless of direction; None when more than `limit`."""
        frontier, seen = {one}, {one}
        for hops in range(limit + 1):
            if other in frontier:
                return hops
            frontier = {n for s in frontier for n in self._neighbours(s)} - seen
            seen |= frontier
        return None

    def without_stale(self, oldest: int) -> Self:
        """The same graph without edges last seen before `oldest` (ns)."""
        return replace(self, edges=tuple(e for e in self.edges if e.last_seen >= oldest))

    def _neighbours(self, service: str) -> Iterator[str]:
        yield from (e.callee for e in self.callees(service))
        yield from (e.caller for e in self.callers(service))

    @staticmethod
    def _walk(start: str, step: Callable[[str], Iterable[str]]) -> set[str]:
        seen: set[str] = set()
        queue = [start]
        while queue:
            for name in step(queue.pop()):
                if name not in seen and name != start:
                    seen.add(name)
                    queue.append(name)
        return seen
