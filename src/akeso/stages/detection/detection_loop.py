"""Score, rank, decide, learn: what detection does with one frame after the other, live as in training and reruns."""

from collections.abc import Callable, Mapping

from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.ports.detector import Detector, vote_of
from akeso.stages.detection.decide import DecideOptions, DecideState, Judgement, decide
from akeso.stages.detection.score import ScoreOptions, score
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.detection.significance import Significance, SignificanceOptions


class DetectionLoop:
    """Detectors that learn what is normal and not what is anomalous.

    A frame goes through `predict`, `judge` and `learn`, or through `step`, which is all of them; only `learn` changes
    what is known. deciding, scoring: may be exchanged between two frames. state: what deciding remembers. seconds: a
    monotonic clock, for the latency that predictions carry.
    """

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        facts: FactsTable,
        seconds: Callable[[], float],
        deciding: DecideOptions | None = None,
        scoring: ScoreOptions | None = None,
    ) -> None:
        self.detectors = dict(detectors)
        self.deciding, self.scoring = deciding or DecideOptions(), scoring or ScoreOptions()
        self.state = DecideState()
        self._facts, self._seconds = facts, seconds
        self.forget_ranks()

    def predict(self, frame: FeatureFrame) -> Prediction:
        """Every detector's opinion of a frame, ranked among the past. Of a part of a slot only those are asked who have
        a say in what is decided at once."""
        asked = {name: d for name, d in self.detectors.items() if not frame.partial or vote_of(d) is not Vote.NONE}
        return self._significance.judged(score(frame, asked, self.scoring, self._seconds))

    def judge(self, prediction: Prediction) -> Judgement:
        """What is anomalous, and what may be learnt as normal."""
        return decide(prediction, self._facts, self.state, self.deciding)

    def learn(self, prediction: Prediction, judgement: Judgement, update: Mask | None = None) -> None:
        """Take it in; of a part of a slot nothing but what was raised. update: what detectors learn instead of what
        the judgement says, bool[n]."""
        if not prediction.frame.partial:
            for detector in self.detectors.values():
                detector.learn(prediction.frame, judgement.learn if update is None else update)
            self._significance.learn(prediction, ~judgement.state.raised)
        self.state = judgement.state

    def step(self, frame: FeatureFrame) -> Judgement:
        """All of it."""
        prediction = self.predict(frame)
        judgement = self.judge(prediction)
        self.learn(prediction, judgement)
        return judgement

    def forget_ranks(self) -> None:
        """What another model's scores ranked among says nothing of this one's."""
        self._significance = Significance(SignificanceOptions(decide=self.deciding))
