"""The usual value at a time of day."""

import numpy as np
import pytest

from akeso.stages.forecast.seasonal_profile import SeasonalProfile


def wave(step: int) -> float:
    return float(np.sin(2 * np.pi * step / 240))


def learnt(steps: int) -> SeasonalProfile:
    profile = SeasonalProfile(season=240, parts=48, newest=0.3)
    profile.resize(2)
    for step in range(steps):
        profile.learn(step, np.array([wave(step), np.nan]))
    return profile


def test_after_a_season_it_tells_the_next_one() -> None:
    profile = learnt(240)

    assert [profile.at(step, 1)[0] for step in range(240, 480)] == pytest.approx(
        [wave(step) for step in range(240, 480)], abs=0.02
    )


def test_of_a_time_of_day_and_a_series_never_seen_nothing_is_known() -> None:
    profile = learnt(100)

    assert np.isnan(profile.at(200, 1)[0])
    assert np.isnan(profile.at(50, 2)[1])


def test_new_seasons_replace_old_ones() -> None:
    profile = SeasonalProfile(season=10, parts=10, newest=0.5)
    profile.resize(1)
    for step in range(80):
        profile.learn(step, np.array([100.0 if step < 10 else 0.0]))

    assert profile.at(83, 1)[0] == pytest.approx(0.0, abs=5.0)
