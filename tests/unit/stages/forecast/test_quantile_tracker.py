"""Quantiles of streams."""

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Floats
from akeso.stages.forecast.forecast import LEVELS
from akeso.stages.forecast.quantile_tracker import QuantileTracker


def tracked(scores: Floats) -> QuantileTracker:
    tracker = QuantileTracker(np.ones(1))
    tracker.resize(scores.shape[1])
    for row in scores:
        tracker.learn(row[None])
    return tracker


@pytest.mark.parametrize("shape", ["normal", "skewed", "heavy"])
def test_shares_of_the_scores_below_are_the_levels_whatever_the_distribution(shape: str) -> None:
    rng = np.random.default_rng(3)
    scores: dict[str, Floats] = {
        "normal": rng.normal(0, 4, (5500, 50)),
        "skewed": rng.exponential(3, (5500, 50)),
        "heavy": rng.standard_t(1.5, (5500, 50)),
    }
    tracker = tracked(scores[shape][:1500])

    below = (scores[shape][1500:, None] <= tracker.quantiles(50)[:, 0]).mean(axis=(0, 2))

    assert below == pytest.approx(LEVELS, abs=0.04)


def test_quantiles_follow_when_the_scores_become_larger() -> None:
    rng = np.random.default_rng(1)
    scores = np.vstack((rng.normal(0, 1, (300, 20)), rng.normal(0, 10, (500, 20))))

    upper = tracked(scores).quantiles(20)[LEVELS.index(0.9), 0].mean()

    assert 9 < upper < 17


def test_a_single_enormous_score_moves_the_quantiles_little() -> None:
    rng = np.random.default_rng(1)
    tracker = tracked(rng.normal(0, 1, (500, 20)))
    before = tracker.quantiles(20)

    tracker.learn(np.full((1, 20), 1e9))

    assert np.abs(tracker.quantiles(20) - before).max() < 0.2


def test_missing_scores_teach_nothing() -> None:
    tracker = tracked(np.random.default_rng(0).normal(0, 1, (50, 2)))
    before = tracker.quantiles(2)

    tracker.learn(np.full((1, 2), np.nan))

    assert (tracker.quantiles(2) == before).all()


def test_new_series_begin_with_the_normal_distribution_and_leave_the_old_ones_alone() -> None:
    tracker = tracked(np.full((50, 1), 5.0))
    before = tracker.quantiles(1)

    tracker.resize(200)

    after = tracker.quantiles(200)
    assert (after[..., :1] == before).all()
    assert after[:, 0, 199] == pytest.approx([-1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645], abs=1e-3)
