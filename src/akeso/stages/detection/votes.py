"""Votes: what several detectors' scores of a slot amount to."""

from collections.abc import Mapping, Sequence

import numpy as np

from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import Floats
from akeso.ports.detector import vote_of


def stated(detectors: Mapping[str, object]) -> frozenset[str]:
    """The names of those that look for what somebody stated."""
    return frozenset(name for name, detector in detectors.items() if vote_of(detector).stated)


def highest(prediction: Prediction, vote: Vote) -> Floats:
    """float64[n]: the highest score of the detectors with this vote, 0 without any."""
    top = np.zeros(prediction.score.shape[1])
    for score in _of(prediction, vote):
        np.maximum(top, score, out=top)
    return top


def shared(prediction: Prediction, agreement: int) -> tuple[Floats, Floats]:
    """Of the detectors that share the decision: see `agreed`."""
    return agreed(_of(prediction, Vote.SHARED), agreement, prediction.score.shape[1])


def _of(prediction: Prediction, vote: Vote) -> list[Floats]:
    return [score for own, score in zip(prediction.votes, prediction.score, strict=True) if own is vote]


def agreed(scores: Sequence[Floats], agreement: int, series: int) -> tuple[Floats, Floats]:
    """The highest score, and what the `agreement` most alarmed detectors have in common; float64[series] each."""
    tops = [np.zeros(series) for _ in range(max(agreement, 1))]
    for score in scores:
        rest = score
        for place, top in enumerate(tops):
            tops[place], rest = np.maximum(top, rest), np.minimum(top, rest)
    return tops[0], tops[-1]
