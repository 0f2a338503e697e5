"""What `akeso bench causal` measures, on made-up truth: one function a part of the causal engine."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from akeso.bench.datasets.random_dags import LinearModel, equivalence_class, random_model
from akeso.causal.background import Background
from akeso.causal.changepoint import onsets
from akeso.causal.discovery import discover
from akeso.causal.effect import Effect, Estimator, Trial, by_regression
from akeso.causal.graph import CausalGraph, acyclic, structural_hamming_distance
from akeso.causal.propensity import by_matching, by_weighting
from akeso.causal.structural import attribute, fit
from akeso.causal.tail import past
from akeso.domain.telemetry.batches import Floats

ROWS = 720
SIZES = ((20, 3.0), (50, 3.0), (100, 2.0), (100, 4.0))  # variables, neighbours on average
TRACED = (20, 60)  # variables
Finder: TypeAlias = Callable[[Floats], CausalGraph]


@dataclass(frozen=True, slots=True)
class Figure:
    """What was found by whom; ms: CPU time of one call, None where it says nothing."""

    part: str
    case: str
    by: str
    figures: Mapping[str, float]
    ms: float | None


def graphs(rounds: int, seed: int) -> Iterator[Figure]:
    """Structural Hamming distance to the true equivalence class; causal-learn's PC beside it when it is installed."""
    known = finders()
    for variables, degree in SIZES:
        cases = [_case(variables, degree, seed + round_) for round_ in range(rounds)]
        truths = [equivalence_class(model.graph) for model, _ in cases]
        edges = float(np.mean([truth.adjacent.sum() / 2 for truth in truths]))
        for name, finder in known.items():
            began = time.process_time()
            found = [finder(samples) for _, samples in cases]
            ms = 1000.0 * (time.process_time() - began) / rounds
            distance = float(np.mean([structural_hamming_distance(*each) for each in zip(found, truths, strict=True)]))
            skeleton = float(np.mean([_skeleton_f1(*each) for each in zip(found, truths, strict=True)]))
            case = f"{variables} variables, degree {degree:g}"
            yield Figure("graph", case, name, {"edges": edges, "shd": distance, "skeleton_f1": skeleton}, ms)


def effects(rounds: int, seed: int) -> Iterator[Figure]:
    """Share of 95 % intervals that hold the true average effect, which differs with a confounder."""
    estimators: dict[str, Estimator] = {
        "regression": by_regression,
        "weighting": by_weighting,
        "matching": by_matching,
    }
    for rows in (60, 300):
        for name, estimator in estimators.items():
            rng = np.random.default_rng(seed)
            trials = [_trial(rows, rng) for _ in range(100 * rounds)]
            began = time.process_time()
            found = [each for each in map(estimator, trials) if isinstance(each, Effect)]
            ms = 1000.0 * (time.process_time() - began) / len(trials)
            covered = float(np.mean([each.low <= 2.0 <= each.high for each in found]))
            bias = float(np.mean([each.estimate for each in found])) - 2.0
            yield Figure("effect", f"{rows} rows", name, {"coverage": covered, "bias": bias}, ms)


def attributions(rounds: int, seed: int) -> Iterator[Figure]:
    """How often the variable whose noise jumped leads, over ten spreads of Student's t with 3 degrees of freedom."""
    for variables in TRACED:
        blind, tiers = Background.nothing(variables), Background.nothing(variables).ordered(range(variables))
        ways: dict[str, Callable[[LinearModel, Floats], CausalGraph]] = {
            "true graph": lambda model, _: model.graph,
            "graph found, tiers known": lambda _, normal, known=tiers: acyclic(discover(normal, known)),  # type: ignore[misc]
            "graph found": lambda _, normal, known=blind: acyclic(discover(normal, known)),  # type: ignore[misc]
        }
        for name, way in ways.items():
            found = [_traced(variables, np.random.default_rng(seed + each), way) for each in range(10 * rounds)]
            top, ms = np.mean(found, axis=0)
            yield Figure("attribution", f"{variables} variables", name, {"top1": float(top)}, float(ms))


def changes(rounds: int, seed: int) -> Iterator[Figure]:
    """Onset of a shift of four in Student's t with 3 degrees of freedom, thirty rows before the end."""
    rng = np.random.default_rng(seed)
    series = rng.standard_t(3, size=(ROWS, 100 * rounds))
    calm = onsets(series)
    series[ROWS - 30 :] += 4.0
    began = time.process_time()
    found = onsets(series)
    ms = 1000.0 * (time.process_time() - began) / rounds
    figures = {
        "found": float(np.mean(found.row >= 0)),
        "false": float(np.mean(calm.row >= 0)),
        "late_rows": float(np.median(np.abs(found.row[found.row >= 0] - (ROWS - 30)))),
    }
    yield Figure("onset", f"100 series of {ROWS}", "rank sums", figures, ms)


def tails(rounds: int, seed: int) -> Iterator[Figure]:
    """Median log10 of the probability given to what has a probability of 1e-4."""
    rng = np.random.default_rng(seed)
    laws: dict[str, tuple[Callable[[], Floats], float]] = {
        "exponential": (lambda: rng.exponential(size=ROWS), -float(np.log(1e-4))),
        "pareto, infinite variance": (lambda: rng.pareto(2.0, ROWS) + 1.0, 1e-4**-0.5),
    }
    for name, (draw, value) in laws.items():
        drawn = [draw() for _ in range(30 * rounds)]
        began = time.process_time()
        known = [before for each in drawn if (before := past(each))]
        guesses = [float(each.upper.log_survival(np.array([value]))[0]) / np.log(10.0) for each in known]
        ms = 1000.0 * (time.process_time() - began) / len(drawn)
        yield Figure("tail", name, "peaks over threshold", {"log10_p": float(np.median(guesses))}, ms)


def finders() -> dict[str, Finder]:
    """Akeso's discovery, and what is installed beside it, at the same level p."""
    found: dict[str, Finder] = {"akeso": discover}
    if importlib.util.find_spec("causallearn"):
        pc = importlib.import_module("causallearn.search.ConstraintBased.PC").pc
        found["causal-learn"] = lambda samples: _peer(pc, samples, uc_rule=0)
        found["causal-learn, max-p"] = lambda samples: _peer(pc, samples, uc_rule=1)
    return found


def _peer(pc: Callable[..., Any], samples: Floats, uc_rule: int) -> CausalGraph:
    marks = pc(samples, alpha=0.01, indep_test="fisherz", uc_rule=uc_rule, show_progress=False).G.graph
    tail, head = marks == -1, marks == 1
    return CausalGraph(tail & head.T, (tail & tail.T) | (head & head.T))


def _case(variables: int, degree: float, seed: int) -> tuple[LinearModel, Floats]:
    rng = np.random.default_rng(seed)
    model = random_model(variables, degree, rng)
    return model, model.propagate(rng.normal(size=(ROWS, variables)))


def _skeleton_f1(found: CausalGraph, truth: CausalGraph) -> float:
    both = (found.adjacent & truth.adjacent).sum()
    return float(2.0 * both / max(1, found.adjacent.sum() + truth.adjacent.sum()))


def _trial(rows: int, rng: np.random.Generator) -> Trial:
    x = rng.normal(size=(rows, 3))
    treated = (rng.random(rows) < 1.0 / (1.0 + np.exp(-x @ np.array([0.8, -0.5, 0.3])))).astype(float)
    gain = (2.0 + x[:, 0]) * treated
    return Trial(treated, gain + x @ np.array([1.0, 1.0, -1.0]) + rng.standard_t(5, rows), x)


def _traced(
    variables: int, rng: np.random.Generator, way: Callable[[LinearModel, Floats], CausalGraph]
) -> tuple[bool, float]:
    """Whether the source led, and CPU milliseconds of the attribution alone."""
    model = random_model(variables, 3.0, rng)
    reach = np.abs(np.linalg.inv(np.eye(variables) - model.weights)) > 0.2
    target = int(np.argmax(reach.sum(axis=0)))
    root = int(rng.choice(np.flatnonzero(reach[:, target])))
    normal = model.propagate(rng.standard_t(3, size=(ROWS, variables)))
    noise = rng.standard_t(3, size=(5, variables))
    noise[:, root] += 10.0
    learnt = fit(normal, way(model, normal))
    began = time.process_time()
    first = attribute(learnt, model.propagate(noise), target)[0]
    return first.variable == root, 1000.0 * (time.process_time() - began)
