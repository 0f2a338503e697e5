"""Anomaly detectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from akeso.domain.telemetry import FeatureFrame, Floats, Mask

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One detector's opinion of one frame, float64[n] each.

    score: 0 = nothing to see, 1.0 = at this detector's alarm threshold, above = beyond it; never NaN (0 where the
    value is missing or the detector has not seen enough). expected, spread: what it thought normal, NaN if it has no
    opinion.
    """

    score: Floats
    expected: Floats
    spread: Floats


@runtime_checkable
class Detector(Protocol):
    """Scores every series of a frame in one call; state is arrays with one row a series.

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
