"""Anomaly detectors."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import Codes, FeatureFrame, Floats, Mask
from akeso.domain.telemetry.scale import normal_range

State = Mapping[str, NDArray[Any]]


class Scores:
    """One detector's opinion of one frame, floats[n] each.

    score: 0 = nothing to see, 1.0 = at this detector's alarm threshold, above = beyond it; never NaN (0 where the
    value is missing or the detector has not seen enough). expected, spread: what it thought normal, NaN if it has no
    opinion. signals: where they are given, expected and spread are told on the scales of these signals (see
    akeso.domain.telemetry.scale), and only what is looked at is turned into the units of the series.
    """

    __slots__ = ("_center", "_width", "score", "signals")

    def __init__(
        self, score: NDArray[Any], expected: NDArray[Any], spread: NDArray[Any], signals: Codes | None = None
    ) -> None:
        self.score, self.signals = score, signals
        self._center, self._width = expected, spread

    @property
    def told(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Expected and spread as the detector told them: on the scale where `signals` are given."""
        return self._center, self._width

    @property
    def expected(self) -> Floats:
        """float64[n] in the units of the series."""
        return self._range()[0]

    @property
    def spread(self) -> Floats:
        """float64[n] in the units of the series."""
        return self._range()[1]

    def _range(self) -> tuple[Floats, Floats]:
        center, width = self._center.astype(np.float64), self._width.astype(np.float64)
        return (center, width) if self.signals is None else normal_range(center, width, self.signals)


@runtime_checkable
class Detector(Protocol):
    """Scores every series of a frame in one call; state is arrays with one row a series.

    What its word counts for is the class attribute `votes` (akeso.domain.detection.vote); without it, it has no vote.

    The frame may hold more series than the last one (never fewer): the detector grows. `score` never changes state
    and sees only what `learn` was given before, so a score is causal.
    """

    name: str

    def score(self, frame: FeatureFrame) -> Scores: ...

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        """Take the frame in as normal where `update` (bool[n]) is true and the value is not NaN."""
        ...

    def snapshot(self) -> State:
        """All state as arrays; `restore(snapshot())` is the identity."""
        ...

    def restore(self, state: State) -> None: ...


def vote_of(detector: object) -> Vote:
    """The attribute `votes`; NONE for a detector that does not say, as a new one has to earn its vote."""
    return Vote(getattr(detector, "votes", Vote.NONE))


def give_vote(detector: object, vote: Vote) -> None:
    """Another one than its class says."""
    vars(detector)["votes"] = vote
