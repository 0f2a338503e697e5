"""The EWMA control chart: small shifts that last."""

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
    within,
)
from akeso.domain.telemetry.rows import Rows
from akeso.ports.detector import Scores, State


class Ewma:
    """A fast moving average against a slow one (Roberts 1959); the alarm is at `threshold` of the usual distances.

    Two memories: the slow mean and the usual distance are what is normal and learn under the mask; the fast average
    is what happened lately and takes every value, else a shift that is not learnt could never add up. The usual
    distance is measured, not derived from independence, so slow waves that are normal count as normal.
    """

    name = "ewma"
    votes = Vote.SHARED

    def __init__(self, threshold: float = 3.4, weight: float = 0.35, memory: int = 180, warm: int = 20) -> None:
        self._threshold, self._weight, self._memory, self._warm = threshold, weight, memory, warm
        self._narrowing = float(np.sqrt(weight / (2.0 - weight)))
        none = np.float32(0.0)
        self._rows = Rows({"mean": none, "fast": np.float32(np.nan), "distance": none, "seen": none})

    def score(self, frame: FeatureFrame) -> Scores:
        found = positions(frame)
        opinions = found.opinions()
        for block in found.blocks(self._grown(frame)):
            mean, age = block["mean"], ages(block["seen"])
            spread, warm = self._spread(block), age >= block.enough(self._warm)
            score = self._fast(block, spread, age)
            score -= mean
            np.abs(score, out=score)
            score /= spread * (cautious(age) * np.float32(self._narrowing * self._threshold))
            opinions.tell(block.at, warm, score, mean, spread)
        return Scores(opinions.score, opinions.center, opinions.width, frame.signals)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        for block in positions(frame).blocks(self._grown(frame)):
            mean, distance, seen = block["mean"], block["distance"], block["seen"]
            learnt, age, spread = learning(update, block.at), ages(seen), self._spread(block)
            fast = self._fast(block, spread, age)
            reach = reach_of(spread, 4.0, age >= block.enough(self._warm))
            least = -reach
            away = fast - mean
            bounded(away, least, reach)
            if not age.all():
                away *= age > 0
            step = block.x - mean
            bounded(step, least, reach)
            rate = fading(age, self._memory, learnt)
            mean += np.multiply(step, rate, out=step)
            away *= away
            away -= distance
            distance += np.multiply(away, rate, out=away)
            seen += np.float32(1.0) if learnt is None else learnt
            block.put(mean=mean, distance=distance, seen=seen)
            self._rows["fast"][block.at] = fast

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _fast(self, block: Block, spread: Singles, age: Singles) -> Singles:
        # One wild value counts as six deviations, or it would ring on for long.
        reach = reach_of(spread, 6.0, age >= block.enough(self._warm))
        mean, fast = block["mean"], block["fast"]
        x = within(block.x, mean - reach, mean + reach)
        moved = x - fast
        moved *= np.float32(self._weight)
        moved += fast
        if not age.all():
            begun = np.isnan(fast)
            moved[begun] = x[begun]
        return moved

    def _spread(self, block: Block) -> Singles:
        spread = np.sqrt(block["distance"])
        spread *= np.float32(1.0 / self._narrowing)
        return block.believable(spread, block["mean"])

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
