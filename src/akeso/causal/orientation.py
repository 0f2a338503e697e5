"""Which way edges point: background knowledge, colliders, and what follows from them."""

import numpy as np

from akeso.causal.graph import CausalGraph
from akeso.domain.telemetry.batches import Mask


class Orientation:
    """A graph under orientation. Arrows are added as long as they are allowed and close no cycle."""

    def __init__(self, adjacent: Mask, allowed: Mask) -> None:
        self._directed = np.zeros_like(adjacent)
        self._undirected = adjacent.copy()
        self._allowed = allowed
        self._reach = np.eye(len(adjacent), dtype=bool)

    @property
    def graph(self) -> CausalGraph:
        return CausalGraph(self._directed.copy(), self._undirected.copy())

    def point(self, arrows: Mask) -> bool:
        """Direct undirected edges. A pair asked for both ways contradicts itself and stays. True if one changed."""
        wanted = arrows & ~arrows.T & self._undirected & self._allowed
        changed = False
        for cause, effect in np.argwhere(wanted):
            if not self._reach[effect, cause]:
                self._directed[cause, effect] = changed = True
                self._undirected[cause, effect] = self._undirected[effect, cause] = False
                self._reach[self._reach[:, cause]] |= self._reach[effect]
        return changed

    def close(self) -> None:
        """Apply the four rules of Meek (1995) until nothing changes."""
        while any(self.point(rule(self._directed, self._undirected)) for rule in (_chain, _cycle, _fork, _detour)):
            pass


def _chain(directed: Mask, undirected: Mask) -> Mask:
    """Rule 1: a → b – c with a, c apart gives b → c (else b were a collider)."""
    apart = ~_adjacent(directed, undirected)
    return undirected & _product(directed.T, apart)


def _cycle(directed: Mask, undirected: Mask) -> Mask:
    """Rule 2: a → b → c with a – c gives a → c (else a cycle)."""
    return undirected & _product(directed, directed)


def _fork(directed: Mask, undirected: Mask) -> Mask:
    """Rule 3: a – c → b and a – d → b with a – b and c, d apart gives a → b."""
    adjacent, found = _adjacent(directed, undirected), np.zeros_like(directed)
    for a, b in np.argwhere(undirected & (_count(undirected, directed) >= 2)):
        between = np.flatnonzero(undirected[a] & directed[:, b])
        found[a, b] = not (adjacent[np.ix_(between, between)] | np.eye(len(between), dtype=bool)).all()
    return found


def _detour(directed: Mask, undirected: Mask) -> Mask:
    """Rule 4: a – d → c → b with a – b, a joined to c, and b, d apart gives a → b (needed beside background)."""
    adjacent, found = _adjacent(directed, undirected), np.zeros_like(directed)
    for a, b in np.argwhere(undirected):
        starts, middles = undirected[a] & ~adjacent[b], adjacent[a] & directed[:, b]
        starts[b] = False
        found[a, b] = bool(directed[np.ix_(starts, middles)].any())
    return found


def _adjacent(directed: Mask, undirected: Mask) -> Mask:
    return directed | directed.T | undirected | np.eye(len(directed), dtype=bool)


def _count(one: Mask, other: Mask) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return one.astype(np.float32) @ other.astype(np.float32)


def _product(one: Mask, other: Mask) -> Mask:
    return _count(one, other) > 0
