"""Standard score against a running mean and variance."""

import numpy as np

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.domain.telemetry.positions import (
    Block,
    Singles,
    ages,
    bounded,
    cautious,
    fading,
    learning,
    positions,
    reach_of,
)
from akeso.domain.telemetry.rows import Rows
from akeso.ports.detector import Scores, State


class ZScore:
    """Distance from the mean in standard deviations; the alarm is at `threshold` of them.

    Mean and variance are those of all values at first and forget exponentially later (West 1979), over `memory`
    values. What is learnt is clipped at four deviations, so that one wild value does not blind the detector.
    """

    name = "z_score"
    votes = Vote.SHARED

    def __init__(self, threshold: float = 4.0, memory: int = 240, warm: int = 20) -> None:
        self._threshold, self._memory, self._warm = threshold, memory, warm
        self._rows = Rows(dict.fromkeys(("mean", "variance", "seen"), np.float32(0.0)))

    def score(self, frame: FeatureFrame) -> Scores:
        found = positions(frame)
        opinions = found.opinions()
        for block in found.blocks(self._grown(frame)):
            mean, age, spread = block["mean"], ages(block["seen"]), _spread(block)
            score = block.x - mean
            np.abs(score, out=score)
            score /= spread * (cautious(age) * np.float32(self._threshold))
            opinions.tell(block.at, age >= block.enough(self._warm), score, mean, spread)
        return Scores(opinions.score, opinions.center, opinions.width, frame.signals)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        for block in positions(frame).blocks(self._grown(frame)):
            mean, variance, seen = block["mean"], block["variance"], block["seen"]
            learnt, age = learning(update, block.at), ages(seen)
            reach = reach_of(_spread(block), 4.0, age >= block.enough(self._warm))
            delta = block.x - mean
            bounded(delta, -reach, reach)
            rate = fading(age, self._memory, learnt)
            step = rate * delta
            mean += step
            step *= delta
            variance += step
            variance *= np.float32(1.0) - rate
            seen += np.float32(1.0) if learnt is None else learnt
            block.put(mean=mean, variance=variance, seen=seen)

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows


def _spread(block: Block) -> Singles:
    return block.believable(np.sqrt(block["variance"]), block["mean"])
