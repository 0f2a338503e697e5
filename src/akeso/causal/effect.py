"""Average effects of a treatment with confidence intervals, by regression."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Self, TypeAlias

import numpy as np

from akeso.domain.telemetry.batches import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What an effect is estimated from: float64[t] treatment and outcome, float64[t, k] confounders, without gaps.

    The confounders must block every back door (`graph.adjustment` names such a set); rows are in order of time.
    """

    treatment: Floats
    outcome: Floats
    confounders: Floats

    @classmethod
    def of(cls, samples: Floats, treatment: int, outcome: int, controlled: Iterable[int] = ()) -> Self:
        """Columns of float64[t, n]; rows with a gap in any of them are left out."""
        columns = samples[:, [treatment, outcome, *sorted(controlled)]]
        whole = columns[np.isfinite(columns).all(axis=1)]
        return cls(whole[:, 0], whole[:, 1], whole[:, 2:])

    @property
    def treated(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool]] | None:
        """bool[t] when the treatment has exactly two values (the larger is the treatment), else None."""
        values = np.unique(self.treatment)
        return self.treatment == values[1] if len(values) == 2 else None


@dataclass(frozen=True, slots=True)
class Effect:
    """estimate: what the outcome gains by one unit more of the treatment, or by the larger of two values; low, high:
    its interval at `level`; samples: rows it stands on."""

    estimate: float
    error: float
    low: float
    high: float
    level: float
    samples: int

    @property
    def clear(self) -> bool:
        """The interval leaves out 0."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True, slots=True)
class NotEstimable:
    """The samples cannot tell; `why` is for people."""

    why: str


Estimator: TypeAlias = Callable[[Trial], Effect | NotEstimable]


def by_regression(trial: Trial, level: float = 0.95, lags: int = 0) -> Effect | NotEstimable:
    """Linear adjustment; the interval allows for unequal variance (HC3, MacKinnon & White 1985).

    A treatment of two values gets its own slopes in both arms (Lin 2013), so effects may differ with the confounders.
    lags > 0: the interval also allows for errors that depend on each other over as many rows (Newey & West 1987).
    """
    rows, width = trial.confounders.shape
    treated = trial.treated
    coefficients = 2 + width * (1 if treated is None else 2)
    if rows < coefficients + 2:
        return NotEstimable(f"{rows} samples for {coefficients} coefficients")
    controls = np.column_stack((np.ones(rows), trial.confounders - trial.confounders.mean(axis=0)))
    dose = trial.treatment if treated is None else treated.astype(np.float64)
    if _determined(dose, controls):
        return NotEstimable("the treatment is constant or determined by the confounders")
    own = controls[:, 1:] * dose[:, None] if treated is not None else controls[:, :0]
    slopes, covariance = _least_squares(np.column_stack((dose, controls, own)), trial.outcome, lags)
    # Where effects differ with the confounders, their mean in the samples is itself a sample.
    variance = covariance[0, 0] + float(np.var(controls[:, 1:] @ slopes[2 + width :] if own.size else 0.0)) / rows
    return interval(float(slopes[0]), sqrt(variance), level, rows, rows - coefficients)


def interval(estimate: float, error: float, level: float, samples: int, freedom: int) -> Effect:
    """Student's t interval around an estimate with a standard error."""
    reach = _student(0.5 + level / 2.0, freedom) * error
    return Effect(estimate, error, estimate - reach, estimate + reach, level, samples)


def _determined(dose: Floats, controls: Floats) -> bool:
    left = dose - controls @ np.linalg.lstsq(controls, dose, rcond=None)[0]
    return float(left @ left) <= 1e-10 * float(dose @ dose)


def _least_squares(design: Floats, outcome: Floats, lags: int) -> tuple[Floats, Floats]:
    """Coefficients and their sandwich covariance."""
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ design.T @ outcome
    leverage = np.minimum(np.einsum("tk,kl,tl->t", design, inverse, design), 0.999)
    scores = design * ((outcome - design @ slopes) / (1.0 - leverage))[:, None]
    meat = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        echo = scores[lag:].T @ scores[:-lag]
        meat += (1.0 - lag / (lags + 1.0)) * (echo + echo.T)
    return slopes, inverse @ meat @ inverse


def _student(share: float, freedom: int) -> float:
    """Quantile of Student's t by its expansion around the normal one (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
    )
    return z + sum(term * float(freedom) ** -power for power, term in enumerate(terms, 1))
