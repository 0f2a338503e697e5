"""How honest probabilities are."""

from collections.abc import Sequence

import numpy as np

Said = Sequence[tuple[float, bool]]  # (probability that was given, whether it came true)


def brier(said: Said) -> float | None:
    """Mean squared difference of probability and outcome (Brier 1950); None without any."""
    return round(float(np.mean([(p - came) ** 2 for p, came in said])), 4) if said else None


def calibration_error(said: Said, bins: int = 10) -> float | None:
    """Expected calibration error over equal bins of probability (Naeini et al. 2015); None without any."""
    if not said:
        return None
    given = np.array([p for p, _ in said], np.float64)
    came = np.array([c for _, c in said], np.float64)
    places = np.minimum((given * bins).astype(np.int64), bins - 1)
    gaps = [abs(given[places == b].sum() - came[places == b].sum()) for b in range(bins)]
    return round(float(sum(gaps)) / len(given), 4)
