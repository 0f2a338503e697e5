"""Votes: what several detectors' scores of a slot amount to."""

from collections.abc import Collection, Sequence

import numpy as np

from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import Floats

# Detectors of what somebody stated: limits and silences, which also hold in safe mode; and objectives.
RULES, OBJECTIVES = frozenset({"static_threshold", "silence"}), frozenset({"slo_burn"})
STATED = RULES | OBJECTIVES


def highest(prediction: Prediction, names: Collection[str]) -> Floats:
    """float64[n]: the highest score of the named detectors, 0 without any."""
    top = np.zeros(prediction.score.shape[1])
    for name, score in zip(prediction.detectors, prediction.score, strict=True):
        if name in names:
            np.maximum(top, score, out=top)
    return top


def others(prediction: Prediction, names: Collection[str]) -> list[Floats]:
    """The scores, float64[n] each, of the detectors that are not named."""
    return [s for name, s in zip(prediction.detectors, prediction.score, strict=True) if name not in names]


def agreed(scores: Sequence[Floats], agreement: int, series: int) -> tuple[Floats, Floats]:
    """The highest score, and what the `agreement` most alarmed detectors have in common; float64[series] each."""
    tops = [np.zeros(series) for _ in range(max(agreement, 1))]
    for score in scores:
        rest = score
        for place, top in enumerate(tops):
            tops[place], rest = np.maximum(top, rest), np.minimum(top, rest)
    return tops[0], tops[-1]
