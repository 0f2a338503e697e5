"""A linear structural model over a directed acyclic graph, and what it says about the source of an anomaly."""

from dataclasses import dataclass

import numpy as np

from akeso.causal.graph import CausalGraph
from akeso.causal.ranks import typical
from akeso.causal.tail import past
from akeso.domain.telemetry.batches import Floats

_HUBER = 1.345  # spreads beyond which a residual counts less: 95 % efficient on normal noise
_FAR = 6.0  # spreads beyond which a parent counts less


@dataclass(frozen=True, slots=True, eq=False)
class StructuralModel:
    """x_j = Σ_i weights[i, j] · x_i + noise_j. noise: float64[t, n] of the normal past, NaN where unknown; baseline:
    float64[n], its medians."""

    weights: Floats
    noise: Floats
    baseline: Floats

    def noise_of(self, samples: Floats) -> Floats:
        """float64[t, n]: the noise terms that samples imply, NaN where the variable or a parent is unknown."""
        return _noise(samples, self.weights)

    def total_effects(self) -> Floats:
        """float64[n, n]: [i, j] is what one unit of noise at i adds to j over all paths; 1 on the diagonal."""
        return np.asarray(np.linalg.inv(np.eye(len(self.weights)) - self.weights), np.float64)


@dataclass(frozen=True, slots=True)
class Contribution:
    """amount: the part of the target's deviation that this variable's own noise brought, in the target's unit; share:
    of all amounts in the direction of the deviation (negative: against it); surprise: −ln of the probability of the
    noise in its own past."""

    variable: int
    amount: float
    share: float
    surprise: float


def fit(normal: Floats, graph: CausalGraph) -> StructuralModel:
    """Huber regression of each variable of float64[t, n] on its parents; undirected edges are not used.

    Variables with too few complete rows get no parents.
    """
    weights = np.zeros((normal.shape[1], normal.shape[1]))
    for variable in np.flatnonzero(graph.directed.any(axis=0)).tolist():
        parents = sorted(graph.parents(variable))
        columns = normal[:, [variable, *parents]]
        whole = columns[np.isfinite(columns).all(axis=1)]
        if len(whole) >= 2 * len(parents) + 4:
            weights[parents, variable] = _robust_slopes(whole[:, 1:], whole[:, 0])
    noise = _noise(normal, weights)
    return StructuralModel(weights, noise, np.nan_to_num(typical(noise)))


def attribute(model: StructuralModel, abnormal: Floats, target: int) -> tuple[Contribution, ...]:
    """Who brought the deviation of `target` in float64[m, n] abnormal rows, the largest share first.

    The closed form of the Shapley values of a linear model: total effect × (noise − its usual value), each noise by its
    median over the rows. With one row the amounts add up to the target's deviation from what is usual. Only the target
    and its ancestors are named. Noise that stays within its own past is no cause, so shares weigh amounts by how
    surprising the noise is.
    """
    moved = _moved(model, abnormal)
    amounts = moved * model.total_effects()[:, target]
    reaching = np.flatnonzero(model.total_effects()[:, target])
    surprise = np.array([_surprise(model, int(variable), float(moved[variable])) for variable in reaching])
    certain = amounts[reaching] * np.minimum(1.0, surprise / 7.0)
    total = float(np.abs(certain).sum())
    direction = np.sign(amounts.sum()) or 1.0
    shares = direction * certain / total if total > 0.0 else np.zeros(len(reaching))
    found = [
        Contribution(int(variable), float(amounts[variable]), float(share), float(odd))
        for variable, share, odd in zip(reaching, shares, surprise, strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (-each.share, each.variable)))


def outlier_contributions(
    model: StructuralModel, abnormal: Floats, target: int, rng: np.random.Generator, rounds: int = 60
) -> dict[int, float]:
    """Shapley values, in nats, of the target's noise terms for its outlier score −ln P(at least this far out).

    Budhathoki, Minorics, Blöbaum & Janzing (2022), by random orders over 4,000 draws of past noise: they add up to the
    score, which saturates at ln 8,001 = 9; near that, single draws move them by a nat. abnormal: float64[m, n] as for
    `attribute`.
    """
    effects = model.total_effects()[:, target]
    reaching = np.flatnonzero(effects)
    seen = _moved(model, abnormal)[reaching] * effects[reaching]
    direction, distance = np.sign(seen.sum()) or 1.0, abs(float(seen.sum()))
    draws = direction * _draws(model, reaching, rng) * effects[reaching]
    values = np.zeros(len(reaching))
    for _ in range(rounds):
        order = rng.permutation(len(reaching))
        # Noise terms are set to what was seen one after the other; each is paid for what it makes less improbable.
        steps = np.cumsum((direction * seen - draws)[:, order], axis=1)
        reached = np.column_stack((np.zeros(len(steps)), steps)) + draws.sum(axis=1, keepdims=True)
        beyond = (reached >= distance - 1e-9 * (1.0 + distance)).sum(axis=0)
        values[order] += np.diff(np.log((beyond + 0.5) / (len(draws) + 0.5)))
    return dict(zip(reaching.tolist(), (values / rounds).tolist(), strict=True))


def _moved(model: StructuralModel, abnormal: Floats) -> Floats:
    """float64[n]: how far each noise term is from usual; 0 where nothing is known."""
    return np.nan_to_num(typical(model.noise_of(abnormal)) - model.baseline)


def _surprise(model: StructuralModel, variable: int, moved: float) -> float:
    before = past(model.noise[:, variable] - model.baseline[variable])
    return float(before.surprise(np.array([moved]))[0]) if before else 0.0


def _draws(
    model: StructuralModel, reaching: np.ndarray[tuple[int], np.dtype[np.int64]], rng: np.random.Generator
) -> Floats:
    """float64[4000, k]: past noise around its median, drawn independently for each variable."""
    columns = (model.noise[:, variable] - model.baseline[variable] for variable in reaching)
    known = (column[np.isfinite(column)] for column in columns)
    return np.column_stack([rng.choice(each if len(each) else np.zeros(1), 4000) for each in known])


def _noise(samples: Floats, weights: Floats) -> Floats:
    """What the parents do not explain. An unknown sample only harms its own variable and those it is a parent of."""
    known = np.isfinite(samples)
    explained = np.where(known, samples, 0.0) @ weights
    lacking = (~known).astype(float) @ (weights != 0.0)
    return np.where(known & (lacking == 0.0), samples - explained, np.nan)


def _robust_slopes(parents: Floats, child: Floats, rounds: int = 8) -> Floats:
    """Huber's regression; rows whose parents stand far out count less as well (Mallows), right or wrong."""
    middle, spread = np.median(parents, axis=0), _spread(parents)
    scaled = (parents - middle) / spread
    trust = np.minimum(1.0, _FAR / np.maximum(np.abs(scaled).max(axis=1), 1e-300)) ** 2
    design, weight = np.column_stack((np.ones(len(child)), scaled)), trust
    for _ in range(rounds):
        root = np.sqrt(weight)
        slopes = np.linalg.lstsq(design * root[:, None], child * root, rcond=None)[0]
        missed = np.abs(child - design @ slopes)
        scale = 1.4826 * float(np.median(missed))
        if scale <= 1e-12 * (1.0 + float(np.abs(child).max())):
            break
        weight = trust * np.minimum(1.0, _HUBER * scale / np.maximum(missed, 1e-300))
    return np.asarray(slopes[1:] / spread, np.float64)


def _spread(columns: Floats) -> Floats:
    """float64[n]: by the median deviation, by the standard one where more than half agree, 1 where all do."""
    robust = 1.4826 * np.median(np.abs(columns - np.median(columns, axis=0)), axis=0)
    plain = columns.std(axis=0)
    return np.where(robust > 0.0, robust, np.where(plain > 0.0, plain, 1.0))
