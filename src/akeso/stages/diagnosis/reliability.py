"""How honest probabilities are: what was said against what came true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

Said = Sequence[tuple[float, bool]]  # (probability that was given, whether it came true)

COVERAGES = (0.5, 0.7, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases whose probability lay in [low, high). said: their mean probability; came: the share that came true;
    least, most: the 95 % interval of that share (Wilson 1927)."""

    low: float
    high: float
    cases: int
    said: float
    came: float
    least: float
    most: float


def brier(said: Said) -> float | None:
    """Mean squared difference of probability and outcome (Brier 1950); None without any."""
    return round(float(np.mean([(p - came) ** 2 for p, came in said])), 4) if said else None


def log_loss(said: Said) -> float | None:
    """Mean negative log-likelihood in nats; None without any."""
    if not said:
        return None
    chances = np.clip([p if came else 1.0 - p for p, came in said], 1e-6, 1.0)
    return round(float(-np.log(chances).mean()), 4)


def reliability(said: Said, bins: int = 10) -> tuple[Bin, ...]:
    """The bins of equal width that hold a case, lowest first."""
    given = np.array([p for p, _ in said], np.float64)
    came = np.array([c for _, c in said], np.float64)
    places = np.minimum((given * bins).astype(np.int64), bins - 1)
    found = [(b, given[places == b], came[places == b]) for b in range(bins) if (places == b).any()]
    return tuple(_bin(b / bins, (b + 1) / bins, p, c) for b, p, c in found)


def calibration_error(said: Said, bins: int = 10) -> float | None:
    """Expected calibration error over equal bins of probability (Naeini et al. 2015); None without any."""
    if not said:
        return None
    return round(sum(b.cases * abs(b.said - b.came) for b in reliability(said, bins)) / len(said), 4)


def unavoidable_error(said: Said, rng: np.random.Generator, rounds: int = 400, bins: int = 10) -> float | None:
    """The mean expected calibration error of a speaker who is perfectly calibrated and says the same.

    With few cases a share differs from its probability by chance alone; an error below this is none.
    """
    if not said:
        return None
    given = [p for p, _ in said]
    draws = rng.random((rounds, len(given))) < np.array(given)
    errors = [calibration_error(list(zip(given, draw.tolist(), strict=True)), bins) or 0.0 for draw in draws]
    return round(float(np.mean(errors)), 4)


def selective_accuracy(said: Said, coverages: Sequence[float] = COVERAGES) -> Mapping[str, float]:
    """Coverage in per cent → share that came true among the surest cases (El-Yaniv & Wiener 2010).

    Cases as sure as the last that is answered are counted by their mean, so that ties cannot flatter.
    """
    return {f"{coverage:.0%}": _at_coverage(said, coverage) for coverage in coverages} if said else {}


def _at_coverage(said: Said, coverage: float) -> float:
    take = max(1, round(coverage * len(said)))
    least = sorted((p for p, _ in said), reverse=True)[take - 1]
    surer = [came for p, came in said if p > least]
    tied = [came for p, came in said if p == least]
    return round((sum(surer) + (take - len(surer)) * sum(tied) / len(tied)) / take, 4)


def _bin(low: float, high: float, given: np.ndarray, came: np.ndarray) -> Bin:
    share = float(came.mean())
    least, most = wilson(share, len(came))
    return Bin(low, high, len(came), round(float(given.mean()), 4), round(share, 4), least, most)


def wilson(share: float, cases: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927)."""
    middle = (share + z * z / (2 * cases)) / (1 + z * z / cases)
    reach = z / (1 + z * z / cases) * sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    return round(max(0.0, middle - reach), 4), round(min(1.0, middle + reach), 4)
