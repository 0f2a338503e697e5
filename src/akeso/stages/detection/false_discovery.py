"""False-discovery control: among many series of a slot some look bad by chance; how bad must one look to count?

Benjamini & Hochberg (1995), whose guarantee also holds for series that move together (Benjamini & Yekutieli 2001,
positive regression dependence): of the series that pass, at most the share `rate` is expected to be normal.
"""

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids, Mask


def highest_p(p_value: Floats, rate: float) -> float:
    """The p-value up to which hypotheses are rejected; 0 when none is. p_value: float64[m] without NaN."""
    ranked = np.sort(p_value)
    passing = np.flatnonzero(ranked <= rate * np.arange(1, len(ranked) + 1) / max(len(ranked), 1))
    return float(ranked[passing[-1]]) if len(passing) else 0.0


def discovered(candidates: Mask, p_value: Floats, family: Ids, rate: float) -> Mask:
    """bool[n]: the candidates that pass within their family (int32[n], a service's series in one slot). A candidate
    without a p-value (NaN) passes: nothing speaks against it."""
    passes = candidates.copy()
    known = np.isfinite(p_value)
    for code in np.unique(family[candidates & known]).tolist():
        members = (family == code) & known
        passes[members] &= p_value[members] <= highest_p(p_value[members], rate)
    return passes
