"""Tukey's fences around running quartiles."""

from itertools import repeat

import numpy as np

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.domain.telemetry.positions import Block, Singles, ages, cautious, fading, learning, positions
from akeso.domain.telemetry.rows import Rows
from akeso.ports.detector import Scores, State

_IQR_TO_SIGMA = 1 / 1.349
_QUARTILES = {"low": 0.25, "middle": 0.5, "high": 0.75}


class InterquartileRange:
    """Distance beyond the nearer quartile in interquartile ranges; the alarm is at `fence` of them (Tukey 1977).

    The quartiles are tracked by stochastic approximation (Robbins & Monro 1951): each value moves a quartile up by
    its share or down by the rest of a step, and the step follows the mean deviation and shrinks with the number of
    values to a floor that keeps it adapting.
    """

    name = "iqr"
    votes = Vote.SHARED

    def __init__(self, fence: float = 2.5, step: float = 0.05, warm: int = 20) -> None:
        self._fence, self._step, self._warm = fence, step, warm
        self._rows = Rows(dict.fromkeys((*_QUARTILES, "deviation", "seen"), np.float32(0.0)))

    def score(self, frame: FeatureFrame) -> Scores:
        found = positions(frame)
        opinions = found.opinions()
        for block in found.blocks(self._grown(frame)):
            middle, age, spread = block["middle"], ages(block["seen"]), _spread(block)
            beyond = np.maximum(block.x - block["high"], block["low"] - block.x)
            np.maximum(beyond, np.float32(0.0), out=beyond)
            beyond /= spread * (cautious(age) * np.float32(self._fence / _IQR_TO_SIGMA))
            opinions.tell(block.at, age >= block.enough(self._warm), beyond, middle, spread)
        return Scores(opinions.score, opinions.center, opinions.width, frame.signals)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        for block in positions(frame).blocks(self._grown(frame)):
            x, deviation, seen = block.x, block["deviation"], block["seen"]
            quartiles, learnt = [block[name] for name in _QUARTILES], learning(update, block.at)
            age = ages(seen)
            if not age.all():
                quartiles = [np.where(age == 0, x, quartile) for quartile in quartiles]
            off = x - quartiles[1]
            np.abs(off, out=off)
            off -= deviation
            off *= fading(age, 2.0 / self._step, learnt)
            deviation += off
            step = np.maximum(np.float32(4.0) / (age + np.float32(1.0)), np.float32(self._step)) * deviation
            if learnt is not None:
                step *= learnt
            low, middle, high = map(_moved, quartiles, _QUARTILES.values(), repeat(x), repeat(step))
            seen += np.float32(1.0) if learnt is None else learnt
            block.put(deviation=deviation, seen=seen)
            self._order(block, low, middle, high)

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _order(self, block: Block, *quartiles: Singles) -> None:
        a, b, c = quartiles
        lower, upper = np.minimum(a, b), np.maximum(a, b, out=a)
        self._rows["low"][block.at] = np.minimum(lower, c, out=b)
        self._rows["high"][block.at] = np.maximum(upper, c, out=b)
        self._rows["middle"][block.at] = np.maximum(lower, np.minimum(upper, c, out=c), out=c)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows


def _moved(quartile: Singles, share: float, x: Singles, step: Singles) -> Singles:
    # Up by the share of a step, down by the rest of it, and not at all by the very value.
    move = np.float32(share) - (x < quartile)
    move *= x != quartile
    move *= step
    move += quartile
    return move


def _spread(block: Block) -> Singles:
    spread = block["high"] - block["low"]
    spread *= np.float32(_IQR_TO_SIGMA)
    return block.believable(spread, block["middle"])
