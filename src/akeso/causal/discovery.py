"""PC-stable: a causal graph from samples (Colombo & Maathuis 2014), vectorised over conditioning sets."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from akeso.causal.background import Background
from akeso.causal.correlation import Correlation, CorrelationOptions, correlate
from akeso.causal.graph import CausalGraph
from akeso.causal.independence import Independence, Indices, conditioning_sets
from akeso.causal.orientation import Orientation
from akeso.domain.telemetry.batches import Floats, Mask

_COPY = 0.9999  # columns that agree by more are one variable measured twice


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """How a graph is searched.

    p: two-sided level of each test, above which an edge goes.
    depth: largest conditioning set.
    most_tests: tests of one variable with sets of one size, those of its strongest neighbours first. It bounds the time
        where
        everything depends on everything, and leaves edges there.
    collider_share: the share of a pair's separating sets that may hold the variable between them for it still to be a
        collider (0: conservative PC of Ramsey et al. 2006; 0.5: majority rule).
    correlation: how series are correlated.
    """

    p: float = 0.01
    depth: int = 3
    most_tests: int = 20_000
    collider_share: float = 0.0
    correlation: CorrelationOptions = field(default_factory=CorrelationOptions)


def discover(
    samples: Floats, background: Background | None = None, options: DiscoveryOptions | None = None
) -> CausalGraph:
    """The graph of float64[t, n] columns, independent of their order; edges that data cannot point stay undirected.

    Valid where no unseen variable causes two seen ones and the (ranked) relations are linear. Columns that are constant
    or nearly empty stay alone; of columns that copy each other the first takes part and the others hang on it.
    """
    options = options or DiscoveryOptions()
    background = background or Background.nothing(samples.shape[1])
    if samples.shape[1] < 2:
        return CausalGraph(background.required, background.required)
    correlation = correlate(samples, options.correlation)
    original = _originals(correlation)
    possible = _possible(background, original)
    test = Independence(correlation, options.p)
    adjacent = _skeleton(test, possible, background, options)
    orientation = Orientation(adjacent | _tied(original, background), background.allowed)
    orientation.point(background.required | (background.allowed & ~background.allowed.T))
    orientation.point(_colliders(test, adjacent, background, options))
    orientation.close()
    return orientation.graph


def _originals(correlation: Correlation) -> Indices:
    """int[n]: the first variable that each one copies, itself where it copies none, −1 where it is unusable."""
    alike = np.tril(np.abs(correlation.matrix) > _COPY)
    return np.where(correlation.usable, np.argmax(alike, axis=1), -1)


def _possible(background: Background, original: Indices) -> Mask:
    takes_part = original == np.arange(len(original))
    either = background.allowed | background.allowed.T
    return np.asarray((either & takes_part & takes_part[:, None]) | background.required | background.required.T)


def _tied(original: Indices, background: Background) -> Mask:
    tied = np.zeros_like(background.allowed)
    copies = np.flatnonzero((original >= 0) & (original != np.arange(len(original))))
    tied[copies, original[copies]] = tied[original[copies], copies] = True
    return tied & (background.allowed | background.allowed.T)


def _skeleton(test: Independence, possible: Mask, background: Background, options: DiscoveryOptions) -> Mask:
    adjacent, kept = possible.copy(), background.required | background.required.T
    for level in range(options.depth + 1):
        # The neighbourhoods of a level are those before it: this is what makes the result independent of the order.
        if (adjacent.sum(axis=1) <= level).all():
            break
        separated = np.zeros_like(adjacent)
        for variable in range(len(adjacent)):
            others = np.flatnonzero(adjacent[variable] & ~kept[variable])
            pool = _pool(test, adjacent, background, variable)
            for sets in _batches(_sets(pool, level, len(others), options), len(others)):
                separated[variable, others] |= test.holds(variable, others, sets).any(axis=0)
        adjacent &= ~(separated | separated.T)
    return adjacent


def _pool(test: Independence, adjacent: Mask, background: Background, variable: int) -> Indices:
    """Neighbours that may be causes (these separate, if anything does), the most correlated first."""
    pool = np.flatnonzero(adjacent[variable] & background.allowed[:, variable])
    return pool[np.argsort(-np.abs(test.correlation.matrix[variable, pool]), kind="stable")]


def _sets(pool: Indices, size: int, others: int, options: DiscoveryOptions) -> Indices:
    return conditioning_sets(pool, size, max(1, options.most_tests // max(1, others)))


def _batches(sets: Indices, others: int, most: int = 500_000) -> Iterator[Indices]:
    if others and len(sets):
        rows = max(1, most // (others * max(1, sets.shape[1])))
        yield from (sets[start : start + rows] for start in range(0, len(sets), rows))


def _colliders(test: Independence, adjacent: Mask, background: Background, options: DiscoveryOptions) -> Mask:
    """Arrows i → k ← j of every unshielded i – k – j whose separating sets (almost) never hold k."""
    held: list[Floats] = []
    total = np.zeros(adjacent.shape)
    for variable in range(len(adjacent)):
        held.extend(_separations(test, adjacent, background, (variable, options), total))
    arrows = np.zeros_like(adjacent)
    if not held:
        return arrows
    triples, counts = _added(np.concatenate(held, axis=1), len(adjacent))
    one, middle, other = triples
    separable = total[one, other] + total[other, one]
    collide = (separable > 0) & (counts <= options.collider_share * separable)
    collide &= background.allowed[one, middle] & background.allowed[other, middle]
    arrows[one[collide], middle[collide]] = arrows[other[collide], middle[collide]] = True
    return arrows


def _separations(
    test: Independence,
    adjacent: Mask,
    background: Background,
    around: tuple[int, DiscoveryOptions],
    total: Floats,
) -> Iterator[Floats]:
    """float64[4, …]: rows i, k, j and how many separating sets of i and j hold k; adds to total[i, j] all there are."""
    variable, options = around
    neighbours = np.flatnonzero(adjacent[variable])
    far = adjacent[neighbours].any(axis=0) & ~adjacent[variable]
    far[variable] = False
    others = np.flatnonzero(far)
    holding = np.zeros((len(others), len(neighbours)))
    pool = _pool(test, adjacent, background, variable)
    for level in range(options.depth + 1):
        for sets in _batches(_sets(pool, level, len(others), options), len(others)):
            separates = test.holds(variable, others, sets).astype(float)
            total[variable, others] += separates.sum(axis=0)
            members = (sets[:, :, None] == neighbours).any(axis=1)
            holding += separates.T @ members
    place, between = np.nonzero(adjacent[np.ix_(others, neighbours)])
    yield np.stack([np.full(len(place), float(variable)), neighbours[between], others[place], holding[place, between]])


def _added(held: Floats, variables: int) -> tuple[tuple[Indices, ...], Floats]:
    """Both sides' counts of a triple together; the triple's ends in ascending order."""
    ends = np.sort(held[[0, 2]].astype(np.int64), axis=0)
    key = (ends[0] * variables + held[1].astype(np.int64)) * variables + ends[1]
    unique, place = np.unique(key, return_inverse=True)
    counts: Floats = np.bincount(place, weights=held[3], minlength=len(unique)).astype(np.float64)
    return (unique // variables**2, unique // variables % variables, unique % variables), counts
