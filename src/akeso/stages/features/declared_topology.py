"""Edges of the topology that were declared, beside those that spans show."""

from collections.abc import Iterable
from dataclasses import replace

from akeso.domain.estate.topology import Edge, Topology


class DeclaredTopology:
    """What Jaeger has worked out, and what the team's file declares, by tenant.

    forget (ns): an edge that was not reported for so long fades, like one without calls. Declared edges never fade: the
    file says so as long as it is there.
    """

    def __init__(self, forget: int) -> None:
        self._forget = forget
        self._learnt: dict[str, dict[tuple[str, str], Edge]] = {}
        self._declared: dict[str, tuple[Edge, ...]] = {}

    def learn(self, tenant: str, edges: Iterable[Edge]) -> None:
        """Take in edges; of the same caller and callee the one that was seen last counts."""
        known = self._learnt.setdefault(tenant, {})
        for edge in edges:
            before = known.get((edge.caller, edge.callee))
            if before is None or before.last_seen <= edge.last_seen:
                known[edge.caller, edge.callee] = edge

    def declare(self, tenant: str, edges: Iterable[Edge]) -> None:
        """What the team's file says now."""
        self._declared[tenant] = tuple(edges)

    def joined(self, tenant: str, seen: Topology, now: int) -> Topology:
        """The picture that spans show, with what was told about calls that they do not show. Where both know an edge,
        spans tell its rate and whether it is asynchronous, and whoever saw it last tells when."""
        learnt, declared = self._learnt.get(tenant), self._declared.get(tenant)
        if not learnt and not declared:
            return seen
        edges = {(edge.caller, edge.callee): replace(edge, last_seen=now) for edge in declared or ()}
        fresh = Topology(tuple((learnt or {}).values())).without_stale(now - self._forget)
        for edge in (*fresh.edges, *seen.edges):
            pair = edge.caller, edge.callee
            edges[pair] = replace(edge, last_seen=max(edge.last_seen, edges[pair].last_seen)) if pair in edges else edge
        return Topology(tuple(edges.values()), seen.services)
