"""Champion or challenger? Wald's sequential probability ratio test (1945) on the decisions in which just one is right.

Where both are right or both wrong, a decision says nothing about which is better (McNemar 1947). Of the others each is
a coin: under the null hypothesis it is fair, under the alternative the challenger is right with probability `better`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import log
from typing import Self


@dataclass(frozen=True, slots=True)
class SequentialOptions:
    """The sequential test between champion and challenger (Wald).

    false_promotion: bound of the probability that a challenger that is no better is promoted.
    missed_promotion: bound of the probability that one that is better is dropped.
    better: the share of decisions that tell the two apart which a better challenger has right.
    at_most: after so many such decisions without a verdict the champion stays.
    """

    false_promotion: float = 0.05
    missed_promotion: float = 0.05
    better: float = 0.7
    at_most: int = 400


class Outcome(StrEnum):
    """CONTINUE: not decided yet."""

    CONTINUE = "continue"
    PROMOTE = "promote"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class PairedOutcomes:
    """Judged decisions of both models: both right, both wrong, only the challenger, only the champion right."""

    right: int = 0
    wrong: int = 0
    challenger: int = 0
    champion: int = 0

    def judged(self, *, champion_right: bool, challenger_right: bool) -> Self:
        """With one decision more."""
        match champion_right, challenger_right:
            case True, True:
                return replace(self, right=self.right + 1)
            case False, False:
                return replace(self, wrong=self.wrong + 1)
            case False, True:
                return replace(self, challenger=self.challenger + 1)
        return replace(self, champion=self.champion + 1)

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.challenger + self.champion


def evidence(paired: PairedOutcomes, options: SequentialOptions) -> float:
    """The log likelihood ratio of “better” against “no difference”."""
    gain, loss = log(options.better / 0.5), log((1 - options.better) / 0.5)
    return paired.challenger * gain + paired.champion * loss


def bounds(options: SequentialOptions) -> tuple[float, float]:
    """Evidence at or below the first rejects the challenger, at or above the second promotes it."""
    low = log(options.missed_promotion / (1 - options.false_promotion))
    return low, log((1 - options.missed_promotion) / options.false_promotion)


def outcome(paired: PairedOutcomes, options: SequentialOptions) -> Outcome:
    """What the decisions so far say."""
    low, high = bounds(options)
    found = evidence(paired, options)
    if found >= high:
        return Outcome.PROMOTE
    if found <= low or paired.challenger + paired.champion >= options.at_most:
        return Outcome.REJECT
    return Outcome.CONTINUE
