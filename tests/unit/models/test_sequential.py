"""The sequential test between champion and challenger."""

from math import log

import numpy as np
import pytest

from akeso.stages.model.sequential import Duel, Outcome, SequentialOptions, bounds, evidence, outcome

OPTIONS = SequentialOptions()


def test_the_bounds_are_walds() -> None:
    assert bounds(OPTIONS) == pytest.approx((-log(19), log(19)))


def test_only_decisions_that_tell_them_apart_are_evidence() -> None:
    assert evidence(Duel(right=500, wrong=100), OPTIONS) == 0.0
    assert evidence(Duel(challenger=3, champion=1), OPTIONS) == pytest.approx(3 * log(1.4) + log(0.6))


@pytest.mark.parametrize(
    ("duel", "expected"),
    [
        (Duel(challenger=8), Outcome.CONTINUE),  # 8 log 1.4 = 2.69, the bound is 2.94
        (Duel(challenger=9), Outcome.PROMOTE),
        (Duel(champion=5), Outcome.CONTINUE),  # 5 log 0.6 = -2.55
        (Duel(champion=6), Outcome.REJECT),
        (Duel(challenger=12, champion=5), Outcome.CONTINUE),
        (Duel(challenger=20, champion=7), Outcome.PROMOTE),
        (Duel(right=9999), Outcome.CONTINUE),
        (Duel(challenger=242, champion=158), Outcome.REJECT),  # undecided for too long
    ],
)
def test_outcomes_by_hand(duel: Duel, expected: Outcome) -> None:
    assert outcome(duel, OPTIONS) is expected


def test_a_judged_decision_is_counted_where_it_belongs() -> None:
    duel = Duel()
    for champion, challenger in ((True, True), (False, False), (False, True), (True, False)):
        duel = duel.judged(champion_right=champion, challenger_right=challenger)
    assert duel == Duel(1, 1, 1, 1)
    assert duel.total == 4


def promoted(share: float, duels: int, seed: int) -> float:
    random, wins = np.random.default_rng(seed), 0
    for _ in range(duels):
        duel = Duel()
        while outcome(duel, OPTIONS) is Outcome.CONTINUE:
            duel = duel.judged(champion_right=(better := random.random() < share) is False, challenger_right=better)
        wins += outcome(duel, OPTIONS) is Outcome.PROMOTE
    return wins / duels


def test_its_errors_are_within_what_was_asked_for() -> None:
    assert promoted(0.5, 1000, 1) <= 0.05 + 0.02
    assert promoted(0.7, 1000, 2) >= 0.95 - 0.02
    assert promoted(0.4, 500, 3) <= 0.01
