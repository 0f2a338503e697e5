"""The ensemble of forecasters."""

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Floats
from akeso.stages.forecast.ensemble import EnsembleForecaster, EnsembleOptions
from akeso.stages.forecast.experts import ExpertOptions
from akeso.stages.forecast.forecast import breach_probability

DAY = 200


def fed(values: Floats) -> EnsembleForecaster:
    subject = EnsembleForecaster(EnsembleOptions(experts=ExpertOptions(season=DAY, parts=40)))
    for step, row in enumerate(values):
        subject.update(step, row)
    return subject


def test_a_noisy_ramp_is_continued_and_its_breach_is_foreseen() -> None:
    rng = np.random.default_rng(1)
    ramp = np.concatenate((np.full(100, 20.0), 20.0 + 0.5 * np.arange(101)))
    said = fed(ramp[:, None] + rng.normal(0, 1, (201, 40))).forecast()

    assert np.median(said.at(0.5)[-1]) == pytest.approx(85.0, abs=2.0)
    assert np.median(breach_probability(said, np.full(40, 78.0))) > 0.9
    assert np.median(breach_probability(said, np.full(40, 95.0))) < 0.1


def test_a_season_that_was_seen_is_foreseen_before_it_shows() -> None:
    rng = np.random.default_rng(1)
    steps = np.arange(3 * DAY + 71)
    wave = 50 - 40 * np.cos(2 * np.pi * steps / DAY)
    said = fed(wave[:-30, None] + rng.normal(0, 0.5, (len(wave) - 30, 30))).forecast()

    assert np.median(said.at(0.5)[-1]) == pytest.approx(wave[-1], abs=2.0)


def test_noise_around_a_level_promises_no_trend() -> None:
    rng = np.random.default_rng(4)
    said = fed(rng.normal(100, 5, (300, 60))).forecast()

    assert np.abs(said.at(0.5)[-1] - 100).mean() < 2.5
    assert (breach_probability(said, np.full(60, 130.0)) < 0.1).mean() > 0.95


@pytest.mark.parametrize("tails", [2.5, 30.0])
def test_eighty_of_a_hundred_values_are_in_the_eighty_percent_interval(tails: float) -> None:
    rng = np.random.default_rng(6)
    values = 10 + rng.standard_t(tails, (900, 40)) + np.cumsum(rng.normal(0, 0.2, (900, 40)), axis=0)
    subject, inside = EnsembleForecaster(), []

    for step, row in enumerate(values[:-30]):
        subject.update(step, row)
        if step >= 400:
            said = subject.forecast()
            truth = values[step + np.array(said.horizons)]
            inside.append((truth >= said.at(0.1)) & (truth <= said.at(0.9)))

    assert np.mean(inside, axis=(0, 2)) == pytest.approx([0.8] * 6, abs=0.05)


def test_quantiles_never_cross() -> None:
    said = fed(np.random.default_rng(0).standard_t(2, (150, 30))).forecast()

    assert (np.diff(said.values, axis=0) >= 0).all()
    assert (np.diff(said.peak, axis=0) >= 0).all()


def test_a_single_spike_raises_no_alarm() -> None:
    values = np.random.default_rng(2).normal(10, 1, (200, 20))
    values[-1] = 100.0

    probability = breach_probability(fed(values).forecast(), np.full(20, 60.0))

    assert (probability < 0.1).all()


def test_a_flat_series_stays_flat_and_its_first_move_is_survived() -> None:
    values = np.full((200, 1), 7.0)

    assert fed(values).forecast().values == pytest.approx(7.0)
    moved = fed(np.vstack((values, np.full((60, 1), 9.0)))).forecast()
    assert moved.at(0.5)[:, 0] == pytest.approx(9.0, abs=0.3)


def test_a_series_without_values_is_not_forecast_and_gaps_are_bridged() -> None:
    values = np.column_stack((np.full(100, np.nan), np.arange(100.0)))
    values[60:64, 1] = np.nan

    said = fed(values).forecast()

    assert np.isnan(said.values[..., 0]).all()
    assert np.isnan(breach_probability(said, np.array([1.0, 1.0]))[0])
    assert said.at(0.5)[0, 1] == pytest.approx(100.0, abs=1.5)


def test_new_series_do_not_disturb_the_old_ones() -> None:
    values = np.random.default_rng(0).normal(0, 1, (120, 5))
    alone, joined = fed(values), fed(values[:60, :5])

    for step, row in enumerate(values[60:], start=60):
        joined.update(step, np.concatenate((row, np.full(200, float(step)))))

    assert joined.forecast().values[..., :5] == pytest.approx(alone.forecast().values)
    assert joined.forecast().at(0.5)[0, 5:] == pytest.approx(120.0, abs=3)


def test_forecasting_changes_nothing() -> None:
    subject = fed(np.random.default_rng(0).normal(0, 1, (60, 3)))

    assert (subject.forecast().values == subject.forecast().values).all()
