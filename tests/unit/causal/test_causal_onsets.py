"""When series left their level, and how far out a value is."""

import numpy as np
import pytest

from akeso.causal.changepoint import ChangeOptions, change_points, onsets
from akeso.causal.ranks import average_ranks, normal_scores
from akeso.causal.tail import past


def test_effects_follow_their_cause_in_order() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_t(3, size=(720, 4))
    for series, row in ((2, 660), (0, 665), (3, 690)):
        x[row:, series] += 8.0
    found = onsets(x)
    assert found.order() == [2, 0, 3]
    assert found.row[1] == -1
    np.testing.assert_allclose(found.row[[2, 0, 3]], [660, 665, 690], atol=2)
    np.testing.assert_allclose(found.step, [8.0, 0.0, 8.0, 8.0], atol=1.0)


@pytest.mark.parametrize("echo", [0.0, 0.8])
def test_false_onsets_are_no_more_frequent_than_p_says(echo: float) -> None:
    x = np.random.default_rng(2).normal(size=(400, 600))
    for row in range(1, len(x)):
        x[row] += echo * x[row - 1]
    share = float(np.mean(onsets(x, ChangeOptions(p=0.05)).row >= 0))
    assert 0.005 < share < 0.06


def test_gaps_constants_and_short_series_have_no_onset() -> None:
    x = np.full((100, 3), np.nan)
    x[:, 1] = 5.0
    x[97:, 2] = [1.0, 2.0, 9.0]
    assert (onsets(x).row == -1).all()
    assert (onsets(np.ones((3, 2))).row == -1).all()


def test_an_onset_is_seen_through_gaps() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 1))
    x[200:] += 5.0
    x[rng.random(300) < 0.5] = np.nan
    assert abs(int(onsets(x).row[0]) - 200) <= 3


def test_every_change_of_a_series_is_found() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_t(3, size=720)
    x[200:300] += 6.0
    x[500:] -= 4.0
    np.testing.assert_allclose(change_points(x), [200, 300, 500], atol=3)


def test_a_series_at_rest_has_no_change() -> None:
    assert change_points(np.random.default_rng(5).normal(size=400)) == ()


@pytest.mark.parametrize("chance", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("law", ["exponential", "pareto"])
def test_tails_are_extrapolated_to_about_the_right_power(law: str, chance: float) -> None:
    rng = np.random.default_rng(6)
    value = -np.log(chance) if law == "exponential" else chance**-0.5
    guesses = []
    for _ in range(40):
        tails = past(rng.exponential(size=720) if law == "exponential" else rng.pareto(2.0, 720) + 1.0)
        assert tails is not None
        guesses.append(float(tails.upper.log_survival(np.array([value]))[0]) / np.log(10.0))
    assert np.median(guesses) == pytest.approx(np.log10(chance), abs=0.6)


def test_heavy_tails_make_the_same_distance_less_surprising() -> None:
    rng = np.random.default_rng(7)
    light, heavy = past(rng.normal(size=720)), past(rng.standard_t(2, size=720))
    assert light is not None
    assert heavy is not None
    ten = np.array([10.0])
    assert light.surprise(ten)[0] > heavy.surprise(ten)[0] + 2.0


def test_surprise_grows_on_both_sides_and_is_nothing_in_the_middle() -> None:
    tails = past(np.random.default_rng(8).normal(size=500))
    assert tails is not None
    scores = tails.surprise(np.array([-9.0, -4.0, 0.0, 4.0, 9.0, np.nan]))
    assert scores[0] > scores[1] > 4.0 > scores[2]
    assert scores[4] > scores[3] > 4.0
    assert scores[2] < 0.2
    assert scores[5] == 0.0


def test_a_past_without_variance_is_surprised_beyond_the_floor_only() -> None:
    tails = past(np.full(100, 3.0), floor=0.5)
    assert tails is not None
    near, far = tails.surprise(np.array([3.1, 30.0]))
    assert near < 3.0
    assert far > 10.0


def test_too_short_a_past_knows_nothing() -> None:
    assert past(np.array([1.0, 2.0, np.nan] * 3)) is None


def test_ties_share_their_rank_and_gaps_have_none() -> None:
    column = np.array([[3.0], [1.0], [3.0], [np.nan], [2.0]])
    np.testing.assert_array_equal(average_ranks(column)[:, 0], [3.5, 1.0, 3.5, np.nan, 2.0])


def test_scores_are_those_of_a_normal_distribution() -> None:
    scores = normal_scores(np.exp(np.random.default_rng(9).normal(size=(999, 1))))[:, 0]
    assert np.std(scores) == pytest.approx(1.0, abs=0.02)
    assert np.median(scores) == pytest.approx(0.0, abs=1e-9)
