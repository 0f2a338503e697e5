"""The scale of confidence: fitted to cases, judged on groups left out, moved by a user's own."""

from collections.abc import Sequence

import numpy as np
import pytest

from akeso.stages.diagnosis.calibrate import (
    FitOptions,
    Judged,
    by_grounds,
    cross_validated,
    fit,
    isotonic,
    pooled,
    recalibrate,
    unchanged,
)
from akeso.stages.diagnosis.confidence import Calibration, rescaled, sigmoid
from akeso.stages.diagnosis.reliability import calibration_error, log_loss


def drawn(number: int, slope: float = 1.5, move: float = -0.5, seed: int = 0) -> list[Judged]:
    """Cases whose chance to be right is a logistic function of their log-odds; `noise` says nothing."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0.5, 2.0, number)
    right = rng.random(number) < 1.0 / (1.0 + np.exp(-(move + slope * odds)))
    return [
        Judged({"odds": float(o), "support": float(rng.normal())}, bool(r), f"group {i % 20}", "made", str(i))
        for i, (o, r) in enumerate(zip(odds, right, strict=True))
    ]


def _said(found: Sequence[tuple[Judged, float]]) -> list[tuple[float, bool]]:
    return [(p, case.right) for case, p in found]


def test_a_fit_finds_the_scale_that_made_the_cases() -> None:
    scale = fit(drawn(4000), ("odds", "support"))
    assert scale.intercept == pytest.approx(-0.5, abs=0.15)
    assert scale.weights["odds"] == pytest.approx(1.5, abs=0.15)
    assert abs(scale.weights.get("support", 0.0)) < 0.1


def test_more_evidence_never_makes_less_sure() -> None:
    turned = [Judged({"odds": -case.grounds["odds"]}, case.right, case.group, case.set) for case in drawn(500)]
    assert "odds" not in fit(turned, ("odds",)).weights


def test_no_answer_is_surer_than_its_cases_allow() -> None:
    scale = fit(drawn(60), ("odds",), FitOptions(ridge=0.1))
    assert scale.probability({"odds": 1e6}) == scale.ceiling < 1.0
    assert scale.probability({"odds": -1e6}) == scale.floor > 0.0


def test_left_out_groups_are_judged_by_the_others_alone() -> None:
    cases = [Judged({"odds": 1.0}, i % 2 == 0, f"g{i % 4}", "made", str(i)) for i in range(40)]
    seen: list[frozenset[str]] = []

    def spy(rest: Sequence[Judged]):  # type: ignore[no-untyped-def] # the signature is Fit's
        seen.append(frozenset(case.group for case in rest))
        return lambda _: 0.5

    found = cross_validated(cases, spy)
    assert len(found) == len(cases)
    assert sorted(map(len, seen)) == [2, 2] or all(len(groups) == 3 for groups in seen)


def test_an_unfitted_share_that_is_too_sure_becomes_honest() -> None:
    cases = drawn(2000, slope=0.4)
    before, after = (
        _said(cross_validated(cases, unchanged(), 5)),
        _said(cross_validated(cases, by_grounds(("odds",)), 5)),
    )
    assert (calibration_error(before) or 0) > 0.1
    assert (calibration_error(after) or 1) < 0.05


def test_pooling_gives_the_nearest_rising_sequence() -> None:
    values = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    assert pooled(values, np.ones(5)).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1.0, 1.0])


def test_isotonic_regression_rises_with_its_ground() -> None:
    speak = isotonic("odds")(drawn(400))
    said = [speak(Judged({"odds": o}, True, "", "")) for o in (-4.0, 0.0, 1.0, 4.0)]
    assert said == sorted(said)
    assert (said[0] < 0.2, said[-1] > 0.8) == (True, True)


def test_own_outcomes_move_a_scale_and_few_of_them_hardly() -> None:
    shipped = Calibration(0.0, {"odds": 1.0})
    meek = drawn(1000, slope=1.0, move=-2.0)
    moved = recalibrate(shipped, meek)
    assert moved.probability({"odds": 0.0}) == pytest.approx(sigmoid(-2.0), abs=0.05)
    few = recalibrate(shipped, meek[:4])
    assert abs(few.probability({"odds": 0.0}) - 0.5) < 0.25
    worse = _said([(case, shipped.probability(case.grounds)) for case in meek])
    better = _said(cross_validated(meek, lambda rest: _speaker(recalibrate(shipped, rest)), 5))
    assert (log_loss(better) or 9) < (log_loss(worse) or 0)


def _speaker(scale: Calibration):  # type: ignore[no-untyped-def] # a lambda's type
    return lambda case: scale.probability(case.grounds)


def test_shares_keep_their_order_and_leave_room_for_something_else() -> None:
    shares = rescaled((0.4, 0.35, 0.05), 0.9)
    assert shares[0] == 0.9
    assert shares == tuple(sorted(shares, reverse=True))
    assert sum(shares) < 1.0
    meek = rescaled((0.4, 0.35, 0.05), 0.2)
    assert meek[0] == meek[1] == 0.2
    assert rescaled((1.0,), 0.7) == (0.7,)
