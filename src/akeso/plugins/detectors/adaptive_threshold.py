"""A threshold that follows level and restlessness of the series."""

from itertools import pairwise

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

_MEAN_DEVIATION_TO_SIGMA = 1.2533  # of a normal distribution


class AdaptiveThreshold:
    """The mean of the last `span` values against a band of `threshold` deviations around the level.

    Level and mean deviation are smoothed like the round-trip time of TCP (Jacobson 1988), but of the short mean
    itself: a series whose neighbours in time resemble each other has a wider band. The short mean takes every value
    (it is what happened lately); level and deviation learn under the mask.
    """

    name = "adaptive_threshold"
    votes = Vote.SHARED

    def __init__(self, threshold: float = 3.4, span: int = 3, memory: int = 90, warm: int = 20) -> None:
        self._threshold, self._span, self._memory, self._warm = threshold, span, memory, warm
        self._lately = tuple(f"before_{age}" for age in range(1, span))
        missing = dict.fromkeys(self._lately, np.float32(np.nan))
        self._rows = Rows(dict.fromkeys(("level", "deviation", "seen"), np.float32(0.0)) | missing)

    def score(self, frame: FeatureFrame) -> Scores:
        found = positions(frame)
        opinions = found.opinions()
        for block in found.blocks(self._grown(frame)):
            level, age = block["level"], ages(block["seen"])
            spread, warm = self._spread(block), age >= block.enough(self._warm)
            score = self._short_mean(block, self._clipped(block, spread, warm), age)
            score -= level
            np.abs(score, out=score)
            score /= spread * (cautious(age) * np.float32(self._threshold))
            spread *= np.float32(np.sqrt(self._span))
            opinions.tell(block.at, warm, score, level, spread)
        return Scores(opinions.score, opinions.center, opinions.width, frame.signals)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        for block in positions(frame).blocks(self._grown(frame)):
            level, deviation, seen = block["level"], block["deviation"], block["seen"]
            learnt, age, spread = learning(update, block.at), ages(seen), self._spread(block)
            warm = age >= block.enough(self._warm)
            x = self._clipped(block, spread, warm)
            away = self._short_mean(block, x, age)
            away -= level
            reach = reach_of(spread, 5.0, warm)
            bounded(away, -reach, reach)
            rate = fading(age, self._memory, learnt)
            off = np.abs(away)
            if not age.all():
                off *= age > 0
            off -= deviation
            level += np.multiply(away, rate, out=away)
            deviation += np.multiply(off, rate, out=off)
            seen += np.float32(1.0) if learnt is None else learnt
            block.put(level=level, deviation=deviation, seen=seen)
            self._remember(block, x)

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _remember(self, block: Block, x: Singles) -> None:
        for older, newer in pairwise(self._lately[::-1]):
            self._rows[older][block.at] = block[newer]
        if self._lately:
            self._rows[self._lately[0]][block.at] = x

    def _short_mean(self, block: Block, x: Singles, age: Singles) -> Singles:
        # A young series has fewer than `span` values.
        total: Singles = x.copy()
        count = np.ones(1, np.float32)  # one for all while they are of one age
        young = bool((age < self._span).any())
        for name in self._lately:
            before = block[name]
            if young:
                known = np.isfinite(before)
                before, count = np.where(known, before, np.float32(0.0)), count + known.astype(np.float32)
            else:
                count = count + np.float32(1.0)
            total += before
        total /= count
        return total

    def _clipped(self, block: Block, spread: Singles, warm: Mask) -> Singles:
        # One wild value counts as six deviations, or it would raise the mean for as long as it is in the span.
        reach = reach_of(spread, 6.0 * float(np.sqrt(self._span)), warm)
        level = block["level"]
        return within(block.x, level - reach, level + reach)

    def _spread(self, block: Block) -> Singles:
        # The least believable spread is one of single values; that of a mean is narrower.
        single = block["deviation"] * np.float32(_MEAN_DEVIATION_TO_SIGMA * np.sqrt(self._span))
        spread = block.believable(single, block["level"])
        spread *= np.float32(1.0 / np.sqrt(self._span))
        return spread

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
