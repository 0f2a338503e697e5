"""The command that compares forecasters, and its scores."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from akeso.bench.datasets.forecast_series import Workload, made_workloads, recorded_workloads
from akeso.bench.forecast import REACH, SURE, Outcome, forecast, measured, pooled
from akeso.bench.scores.forecast_scores import Foreseen, foreseen, lasting, pinball
from akeso.domain.errors import InvalidInput
from akeso.stages.forecast.forecast import horizons_within

MINUTE = timedelta(minutes=1)


def csv_of(path: Path, values: list[float], step: timedelta = 5 * MINUTE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - the files have no zone
    rows = [f"{start + step * at},{value}" for at, value in enumerate(values)]
    path.write_text("\n".join(["timestamp,value", *rows]))


def one_breach(alarms_at: range) -> Foreseen:
    values = np.full((200, 1), 10.0)
    values[100:120] = 90.0
    alarms = np.zeros((200, 1), dtype=bool)
    alarms[alarms_at] = True
    return foreseen(values, np.array([80.0]), alarms, 30, 0.5)


def test_pinball_weighs_the_side_that_a_quantile_is_meant_to_avoid() -> None:
    value = np.array([0.0, 10.0])

    assert pinball(0.9, np.array([10.0, 0.0]), value) == pytest.approx([1.0, 9.0])
    assert pinball(0.5, np.array([10.0, 0.0]), value) == pytest.approx([5.0, 5.0])


def test_a_value_lasts_when_two_of_three_agree() -> None:
    values = np.array([1.0, 1, 9, 1, 9, 9, 1])[:, None]

    assert lasting(values)[2:, 0].tolist() == [1, 1, 9, 9, 9]


def test_an_alarm_within_the_horizon_foresees_the_breach_with_its_lead() -> None:
    # The second high value confirms the breach, at step 101.
    found = one_breach(range(81, 101))

    assert (found.breaches, found.foreseen, found.alarms, found.right, found.leads) == (1, 1, 20, 20, (10.0,))
    assert found.f1 == 1.0


def test_an_alarm_before_the_horizon_is_wrong_and_foresees_nothing() -> None:
    found = one_breach(range(50, 60))

    assert (found.foreseen, found.alarms, found.right) == (0, 10, 0)


def test_alarms_during_a_breach_and_just_after_it_are_not_counted() -> None:
    assert one_breach(range(101, 150)).alarms == 0


def test_a_breach_that_nobody_announced_is_missed() -> None:
    found = one_breach(range(0))

    assert (found.breaches, found.recall, found.precision) == (1, 0.0, 0.0)


def test_horizons_fit_the_step() -> None:
    assert horizons_within(REACH, MINUTE) == (1, 5, 10, 15, 20, 30)
    assert horizons_within(REACH, 5 * MINUTE) == (1, 2, 3, 4, 6)
    assert horizons_within(REACH, timedelta(hours=1)) == (1,)


def test_made_series_are_the_same_for_the_same_seed_and_some_reach_the_bound() -> None:
    first, second = (list(made_workloads(np.random.default_rng(7), 3, 2)) for _ in range(2))

    assert [work.kind for work in first] == ["ramps", "diurnal", "leaks", "shifts", "heavy tails"]
    for one, other in zip(first, second, strict=True):
        assert (one.values == other.values).all()
        assert one.values.shape == (2880, 3)
    assert (first[0].values >= first[0].bounds).any()


def test_recorded_series_stand_on_a_grid_with_holes_and_are_bounded_by_their_past(tmp_path: Path) -> None:
    csv_of(tmp_path / "web" / "a.csv", [float(at % 10) for at in range(300)])
    csv_of(tmp_path / "web" / "b.csv", [1.0] * 200)
    path = tmp_path / "web" / "a.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:50] + lines[53:]))
    csv_of(tmp_path / "slow" / "c.csv", [1.0] * 100, timedelta(hours=1))
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")

    (work,) = recorded_workloads(tmp_path, REACH)

    assert (work.kind, work.step, work.values.shape) == ("web", 5 * MINUTE, (300, 2))
    assert np.isnan(work.values[49:52, 0]).all()
    assert np.isnan(work.values[200:, 1]).all()
    assert work.bounds == pytest.approx([9.0, 1.0])


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="timestamp, value"):
        list(recorded_workloads(tmp_path, REACH))


def test_the_ensemble_does_better_on_leaks() -> None:
    rng = np.random.default_rng(2)
    saw = 20 + (np.arange(420)[:, None] + rng.uniform(0, 100, 30)) % 140 * 0.6
    work = Workload("saw", MINUTE, saw + rng.normal(0, 1, saw.shape), np.full(30, 90.0), 150)

    linear, ensemble = measured(work)

    assert (linear.forecaster, ensemble.forecaster) == ("linear", "ensemble")
    assert ensemble.loss < 0.9 * linear.loss
    assert ensemble.breaches[0.5].f1 > linear.breaches[0.5].f1


@pytest.mark.integration
def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    csv_of(tmp_path / "web" / "a.csv", [float(at % 10) for at in range(300)])
    app = typer.Typer()
    app.command()(forecast)

    result = CliRunner().invoke(app, ["--data", str(tmp_path), "--series", "0", "--json"])

    report = json.loads(result.output)
    kinds = [(each["kind"], each["forecaster"]) for each in report["kinds"]]
    assert kinds == [(kind, name) for kind in ("web", "all recorded") for name in ("linear", "ensemble")]
    assert set(report["ms_a_call_10k_series"]) == {"linear", "ensemble"}


def test_pooled_outcomes_are_means_over_series_and_sums_of_breaches() -> None:
    found = Foreseen(2, 1, 4, 2, (5.0,))
    outcomes = [Outcome("a", "linear", 1, 0.4, 0.8, dict.fromkeys(SURE, found))]
    outcomes.append(Outcome("b", "linear", 3, 0.8, 0.6, dict.fromkeys(SURE, found)))

    total = pooled("all", outcomes)

    assert (total.series, total.loss, total.coverage) == pytest.approx((4, 0.7, 0.65))
    assert (total.breaches[0.5].breaches, total.breaches[0.5].precision, total.breaches[0.5].lead) == (4, 0.5, 5.0)
