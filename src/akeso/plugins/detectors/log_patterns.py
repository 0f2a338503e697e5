"""Log templates whose rate or whose numbers are a surprise."""

import numpy as np

from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Scores, State


class LogPatterns:
    """The surprise of a service's most surprising log template (see akeso.stages.features.log_surprise) over
    `threshold` nats.

    Among a hundred templates in a day of slots of a second the largest surprise is about 16 nats by chance. Needs
    `features.log_patterns`, which makes the series that this judges.
    """

    name = "log_patterns"
    on_request = True

    def __init__(self, threshold: float = 18.0) -> None:
        self._threshold = threshold

    def score(self, frame: FeatureFrame) -> Scores:
        judged = (frame.signals == Signal.LOG_SURPRISE) & np.isfinite(frame.values)
        nothing = np.full(len(frame.values), np.nan)
        score = np.where(judged, np.maximum(frame.values, 0.0) / self._threshold, 0.0)
        return Scores(score, nothing, nothing.copy())

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        """Nothing: what is normal for a template was learnt where its records were counted."""

    def snapshot(self) -> State:
        """Empty."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing was kept."""
