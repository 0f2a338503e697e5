"""Lines through the last values, and the published design's forecaster."""

import numpy as np
import pytest

from akeso.bench.baselines.linear_forecast import LinearForecaster
from akeso.domain.telemetry.batches import Floats
from akeso.stages.forecast.forecast import breach_probability, lead_steps
from akeso.stages.forecast.trend_line import LastValues


def fed(values: Floats, first: int = 1000) -> LinearForecaster:
    subject = LinearForecaster()
    for step, row in enumerate(values, start=first):
        subject.update(step, row)
    return subject


def test_a_line_is_continued_by_the_last_fifty_points_only() -> None:
    values = np.concatenate((np.full(100, 7.0), 10.0 + 2.0 * np.arange(50)))[:, None]

    said = fed(values).forecast()

    assert said.at(0.5)[:, 0] == pytest.approx([108.0 + 2.0 * h for h in said.horizons])


def test_line_and_residuals_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(2)
    values = 1e9 + rng.normal(0, 3, 50)
    past = LastValues(50)
    for step, value in enumerate(values, start=17):
        past.push(step, np.array([value]))
    slope, value = np.polyfit(np.arange(-49, 1), values - 1e9, 1)
    residuals = values - 1e9 - value - slope * np.arange(-49, 1)

    lines = past.lines()

    assert lines.value[0] - 1e9 == pytest.approx(value, abs=1e-5)
    assert lines.slope[0] == pytest.approx(slope, abs=1e-6)
    assert lines.deviation[0] == pytest.approx(np.sqrt((residuals**2).sum() / 48), rel=1e-6)


def test_missing_values_and_skipped_steps_leave_the_line_where_it_is() -> None:
    whole, holed = LastValues(50), LastValues(50)
    for step in range(60):
        whole.push(step, np.array([3.0 * step]))
        if step not in (30, 31, 40):
            holed.push(step, np.array([3.0 * step if step != 55 else np.nan]))

    assert holed.lines().slope[0] == pytest.approx(whole.lines().slope[0])
    assert holed.lines().value[0] == pytest.approx(whole.lines().value[0])
    assert holed.lines().count[0] == 46


def test_two_points_are_no_line() -> None:
    assert np.isnan(fed(np.array([[1.0], [2.0]])).forecast().values).all()


def test_the_prediction_interval_covers_what_it_says() -> None:
    rng = np.random.default_rng(5)
    values = 3.0 * np.arange(80)[:, None] + rng.normal(0, 10, (80, 2000))

    said = fed(values[:50]).forecast()

    for row, h in enumerate(said.horizons):
        inside = (values[49 + h] >= said.at(0.1)[row]) & (values[49 + h] <= said.at(0.9)[row])
        assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_a_line_that_reaches_the_bound_in_time_is_a_breach_as_likely_as_not_or_more() -> None:
    rng = np.random.default_rng(5)
    rising = (np.arange(60.0) + rng.normal(0, 2, 60))[:, None]
    subject = fed(np.repeat(rising, 2, axis=1))
    bounds = np.array([75.0, 110.0])

    probability = breach_probability(subject.forecast(), bounds)

    assert probability[0] > 0.95
    assert probability[1] < 0.05
    assert lead_steps(subject.forecast(), bounds)[0] == pytest.approx(16, abs=2)
    assert np.isnan(lead_steps(subject.forecast(), bounds)[1])
