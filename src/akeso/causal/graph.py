"""Partially directed graphs over variables 0 … n−1, and what can be read from them."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Mask


@dataclass(frozen=True, slots=True, eq=False)
class CausalGraph:
    """directed: bool[n, n], [i, j] says i → j; undirected: bool[n, n], symmetric. No pair is in both."""

    directed: Mask
    undirected: Mask

    @property
    def adjacent(self) -> Mask:
        """bool[n, n], symmetric: joined by an edge of either kind."""
        return self.directed | self.directed.T | self.undirected

    def parents(self, variable: int) -> frozenset[int]:
        return frozenset(np.flatnonzero(self.directed[:, variable]).tolist())

    def undecided(self, variable: int) -> frozenset[int]:
        """Neighbours whose edge may point either way."""
        return frozenset(np.flatnonzero(self.undirected[variable]).tolist())

    def ancestry(self) -> Mask:
        """bool[n, n]: [i, j] says a directed path leads from i to j; a variable is its own ancestor."""
        reach = self.directed | np.eye(len(self.directed), dtype=bool)
        while True:
            further = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
            if np.array_equal(further, reach):
                return reach
            reach = further

    def edges(self) -> Iterator[tuple[int, int, bool]]:
        """Every edge once: (from, to, directed); undirected ones from the smaller index."""
        yield from ((int(i), int(j), True) for i, j in np.argwhere(self.directed))
        yield from ((int(i), int(j), False) for i, j in np.argwhere(np.triu(self.undirected)))


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Controlling for these variables (and no others) leaves nothing but the effect."""

    variables: frozenset[int]


@dataclass(frozen=True, slots=True)
class NoEffect:
    """No directed path leads from the treatment to the outcome."""


@dataclass(frozen=True, slots=True)
class Unidentified:
    """The graph leaves open which way an edge at the treatment points; its far ends are named."""

    open_edges: frozenset[int]


def adjustment(graph: CausalGraph, treatment: int, outcome: int) -> Adjustment | NoEffect | Unidentified:
    """The back-door set of least variance: parents of the nodes on causal paths that are no descendants of those.

    Henckel, Perković & Maathuis (2022), section 3.4, for a single treatment. An undirected edge at the treatment that
    could matter is answered with Unidentified rather than with a guess.
    """
    if undecided := graph.undecided(treatment):
        return Unidentified(undecided)
    ancestry = graph.ancestry()
    if not ancestry[treatment, outcome]:
        return NoEffect()
    on_path = ancestry[treatment] & ancestry[:, outcome]
    on_path[treatment] = False
    forbidden = ancestry[on_path].any(axis=0)
    forbidden[treatment] = True
    found = graph.directed[:, on_path].any(axis=1) & ~forbidden
    return Adjustment(frozenset(np.flatnonzero(found).tolist()))


def structural_hamming_distance(one: CausalGraph, other: CausalGraph) -> int:
    """Pairs of variables whose edge differs: missing, extra, or of another direction (Tsamardinos et al. 2006)."""
    differs = (one.directed != other.directed) | (one.undirected != other.undirected)
    return int(np.triu(differs | differs.T).sum())


def acyclic(graph: CausalGraph) -> CausalGraph:
    """A directed acyclic graph with the same edges: undirected ones are pointed so that no new collider appears.

    Dor & Tarsi (1992); where no such extension exists the edges of the least entangled variable are pointed at it.
    """
    directed, left = graph.directed.copy(), graph.undirected.copy()
    remaining = np.ones(len(directed), bool)
    for _ in range(len(directed)):
        sink = _sink(directed, left, remaining)
        directed[:, sink] |= left[:, sink]
        left[sink] = left[:, sink] = False
        remaining[sink] = False
    return CausalGraph(directed, left)


def topological_order(graph: CausalGraph) -> list[int]:
    """Causes before effects, ties by index. Raises ValueError when the directed edges close a cycle."""
    waiting, order = graph.directed.sum(axis=0), list[int]()
    done: Set[int] = set()
    while len(order) < len(waiting):
        ready = [int(i) for i in np.flatnonzero(waiting == 0) if i not in done]
        if not ready:
            raise ValueError("the directed edges close a cycle")
        order += ready
        done |= set(ready)
        waiting = waiting - graph.directed[ready].sum(axis=0)
    return order


def _sink(directed: Mask, undirected: Mask, remaining: Mask) -> int:
    """A remaining variable without a way out whose undirected neighbours touch all its neighbours."""
    ends = np.flatnonzero(remaining & ~(directed & remaining).any(axis=1))
    adjacent = (directed | directed.T | undirected) & remaining & remaining[:, None]
    return min(ends.tolist(), key=lambda v: (_missing(adjacent, undirected, v), v))


def _missing(adjacent: Mask, undirected: Mask, variable: int) -> int:
    """How many new colliders pointing everything at `variable` would make."""
    around, open_ = np.flatnonzero(adjacent[variable]), np.flatnonzero(undirected[variable])
    touching = adjacent[np.ix_(open_, around)] | (open_[:, None] == around)
    return int((~touching).sum())
