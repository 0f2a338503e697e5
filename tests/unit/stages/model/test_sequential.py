"""The sequential test between champion and challenger."""

from math import log

import numpy as np
import pytest

from akeso.stages.model.sequential import Outcome, PairedOutcomes, SequentialOptions, bounds, evidence, outcome

OPTIONS = SequentialOptions()


def test_the_bounds_are_walds() -> None:
    assert bounds(OPTIONS) == pytest.approx((-log(19), log(19)))


def test_only_decisions_that_tell_them_apart_are_evidence() -> None:
    assert evidence(PairedOutcomes(right=500, wrong=100), OPTIONS) == 0.0
    assert evidence(PairedOutcomes(challenger=3, champion=1), OPTIONS) == pytest.approx(3 * log(1.4) + log(0.6))


@pytest.mark.parametrize(
    ("paired", "expected"),
    [
        (PairedOutcomes(challenger=8), Outcome.CONTINUE),  # 8 log 1.4 = 2.69, the bound is 2.94
        (PairedOutcomes(challenger=9), Outcome.PROMOTE),
        (PairedOutcomes(champion=5), Outcome.CONTINUE),  # 5 log 0.6 = -2.55
        (PairedOutcomes(champion=6), Outcome.REJECT),
        (PairedOutcomes(challenger=12, champion=5), Outcome.CONTINUE),
        (PairedOutcomes(challenger=20, champion=7), Outcome.PROMOTE),
        (PairedOutcomes(right=9999), Outcome.CONTINUE),
        (PairedOutcomes(challenger=242, champion=158), Outcome.REJECT),  # undecided for too long
    ],
)
def test_outcomes_by_hand(paired: PairedOutcomes, expected: Outcome) -> None:
    assert outcome(paired, OPTIONS) is expected


def test_a_judged_decision_is_counted_where_it_belongs() -> None:
    paired = PairedOutcomes()
    for champion, challenger in ((True, True), (False, False), (False, True), (True, False)):
        paired = paired.judged(champion_right=champion, challenger_right=challenger)
    assert paired == PairedOutcomes(1, 1, 1, 1)
    assert paired.total == 4


def promoted(share: float, paired_outcomes: int, seed: int) -> float:
    random, wins = np.random.default_rng(seed), 0
    for _ in range(paired_outcomes):
        paired = PairedOutcomes()
        while outcome(paired, OPTIONS) is Outcome.CONTINUE:
            paired = paired.judged(champion_right=(better := random.random() < share) is False, challenger_right=better)
        wins += outcome(paired, OPTIONS) is Outcome.PROMOTE
    return wins / paired_outcomes


def test_its_errors_are_within_what_was_asked_for() -> None:
    assert promoted(0.5, 1000, 1) <= 0.05 + 0.02
    assert promoted(0.7, 1000, 2) >= 0.95 - 0.02
    assert promoted(0.4, 500, 3) <= 0.01
