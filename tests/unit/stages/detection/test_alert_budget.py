from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from akeso.adapters.alarms import AlarmFile
from akeso.domain.detection.alarm import Truth
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.messages import Decision, Feedback
from akeso.domain.telemetry.batches import NANOSECONDS, SeriesKey
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.stages.detection.alert_budget import AlertBudget, BudgetOptions

HOUR = 3600
DAY = 24 * HOUR


def anomaly(score: float, service: str = "api", signal: Signal = Signal.LATENCY, detector: str = "ewma") -> Anomaly:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    key = SeriesKey("t", service, RED_MEAN)
    return Anomaly("a", "t", key, signal, at, at, score, 200.0, 50.0, 5.0, (detector,), 1e-4)


class Week:
    """Alarms of services, at seconds of a time. initial_tokens: so many that they do not bound what is notified."""

    def __init__(self, budget: float = 2.0, initial_tokens: float = 1000.0, **services: float) -> None:
        specs = {name: ServiceSpec(name, alert_budget=own) for name, own in services.items()}
        burst_window = timedelta(days=1000) if initial_tokens > 1.0 else timedelta(days=1)
        options = BudgetOptions(per_week=budget, initial_tokens=initial_tokens, burst_window=burst_window)
        self.budget = AlertBudget(Services(specs), options, stated=("slo_burn", "static_threshold"))

    def notified(
        self, second: float, *raised: Anomaly, over: bool = True, heard: Sequence[tuple[str, str]] = (("t", "api"),)
    ) -> int:
        end = round(second * NANOSECONDS)
        at = datetime.fromtimestamp(second, UTC)
        decided = tuple(replace(anomaly, onset=at, detected_at=at) for anomaly in raised)
        notified = len(self.budget.admit(Decision(end, decided), heard).raised)
        if over:
            self.budget.admit(Decision(end + NANOSECONDS, cleared=tuple(anomaly.key for anomaly in raised)))
        return notified

    def label(self, second: float, anomalous: bool) -> bool:
        at = datetime.fromtimestamp(second, UTC)
        return self.budget.judged(Feedback("t", "api", at, anomalous, predicted=True))


def test_alarms_within_the_budget_are_notified() -> None:
    week = Week(2)
    assert [week.notified(n * HOUR, anomaly(1.2)) for n in range(1, 3)] == [1, 1]


def test_what_is_no_louder_than_what_used_the_budget_up_is_withheld() -> None:
    week = Week(2)
    assert [week.notified(n * HOUR, anomaly(score)) for n, score in enumerate((1.6, 1.4, 1.2, 1.3, 1.5), 1)] == [
        1, 1, 0, 0, 1,
    ]  # fmt: skip
    (standing,) = week.budget.standings("t")
    assert (standing.notified, standing.withheld, standing.spent) == (3, 2, 3)
    assert standing.threshold == pytest.approx(1.5)


def test_the_budget_holds_in_the_long_run_however_scores_are_distributed() -> None:
    random, week = np.random.default_rng(5), Week(2)
    notified = [week.notified(n * HOUR, anomaly(1.0 + random.exponential(0.3))) for n in range(1, 30 * 7 * 24)]
    # Of the 168 alarms of a week, two; and now and then an unmistakable one (beyond 3: one of 786).
    assert 1.5 <= sum(notified[4 * 168 :]) / 26 <= 2.5


def test_a_week_later_the_budget_is_there_again() -> None:
    week = Week(1)
    assert week.notified(HOUR, anomaly(1.9)) == 1
    assert week.notified(DAY, anomaly(1.2)) == 0
    assert week.notified(9 * DAY, anomaly(1.2)) == 1


def test_confirmed_alarms_cost_nothing() -> None:
    week = Week(1)
    week.notified(HOUR, anomaly(2.5))
    assert week.label(HOUR, anomalous=True)
    assert week.notified(2 * HOUR, anomaly(1.2)) == 1
    assert week.label(2 * HOUR, anomalous=False)
    assert week.notified(3 * HOUR, anomaly(1.1)) == 0
    (standing,) = week.budget.standings("t")
    assert (standing.true, standing.false, standing.unknown, standing.spent) == (1, 1, 0, 1)


def test_that_all_is_well_later_on_does_not_make_an_alarm_false() -> None:
    week = Week(1)
    assert week.notified(HOUR, anomaly(1.9)) == 1
    assert week.label(HOUR + 1, anomalous=True)
    assert not week.label(HOUR + 10, anomalous=False)
    (standing,) = week.budget.standings("t")
    assert (standing.true, standing.false, standing.spent) == (1, 0, 0)


def test_a_label_that_no_alarm_meets_changes_nothing() -> None:
    week = Week(1)
    week.notified(HOUR, anomaly(2.5))
    assert not week.label(DAY, anomalous=True)
    assert week.budget.alarms[0].truth is Truth.UNKNOWN


@pytest.mark.parametrize("hard", [
    anomaly(1.1, signal=Signal.SILENCE), anomaly(1.1, detector="static_threshold"), anomaly(1.1, detector="slo_burn"),
    anomaly(3.0),
])  # fmt: skip
def test_hard_faults_and_critical_ones_are_never_withheld(hard: Anomaly) -> None:
    week = Week(0)
    assert week.notified(HOUR, anomaly(1.5)) == 0
    assert week.notified(2 * HOUR, hard) == 1


def test_signals_that_open_nothing_are_passed_on_and_not_counted() -> None:
    week = Week(0)
    assert week.notified(HOUR, anomaly(1.1, signal=Signal.CPU)) == 1
    assert week.budget.alarms == ()


def test_an_alarm_that_goes_on_is_one_alarm() -> None:
    week = Week(1)
    assert [week.notified(HOUR + 60 * n, anomaly(1.2)) for n in range(5)] == [1] * 5
    assert len(week.budget.alarms) == 1


def test_what_follows_a_confirmed_alarm_is_another() -> None:
    week = Week(0)
    assert week.notified(HOUR, anomaly(5.0)) == 1
    week.label(HOUR, anomalous=True)
    assert week.notified(HOUR + 60, anomaly(1.2)) == 0
    assert [alarm.truth for alarm in week.budget.alarms] == [Truth.TRUE, Truth.UNKNOWN]


def test_what_was_withheld_comes_along_once_its_service_is_notified() -> None:
    week = Week(0)
    errors = anomaly(5.0, signal=Signal.ERRORS)
    assert week.notified(HOUR, anomaly(1.2), over=False) == 0
    assert week.notified(HOUR + 5, errors) == 2


def test_what_was_withheld_and_is_over_stays_withheld() -> None:
    week = Week(0)
    assert week.notified(HOUR, anomaly(1.2), over=True) == 0
    assert week.notified(HOUR + 5, anomaly(5.0)) == 1


def test_services_have_their_own_budgets() -> None:
    week = Week(1, api=3)
    assert [week.notified(n * HOUR, anomaly(1.2 - n / 100)) for n in range(1, 4)] == [1, 1, 1]
    assert [week.notified((n + 0.5) * HOUR, anomaly(1.2 - n / 100, "web")) for n in range(1, 4)] == [1, 0, 0]


def test_a_first_day_does_not_spend_the_budget_of_a_week() -> None:
    random, week = np.random.default_rng(7), Week(2, initial_tokens=1.0)
    heard = [("t", f"s{n}") for n in range(12)]
    notified = [
        week.notified(n * HOUR / 4, anomaly(random.uniform(1.0, 2.9), f"s{n % 12}"), heard=heard) for n in range(672)
    ]
    assert sum(notified[:96]) == 4  # the first token, and 24 a week
    assert 20 <= sum(notified) <= 25


def test_a_critical_score_is_notified_and_paid_for() -> None:
    week = Week(2, initial_tokens=1.0)
    assert [week.notified(n * HOUR, anomaly(3.5, f"s{n}")) for n in range(1, 5)] == [1] * 4
    assert week.notified(2 * DAY, anomaly(2.9)) == 0
    assert week.notified(6 * DAY, anomaly(2.9)) == 1


def test_what_begins_beside_what_is_notified_comes_along_and_is_paid_for() -> None:
    week = Week(2, initial_tokens=1.0)
    assert week.notified(HOUR, anomaly(1.3), anomaly(1.2, "web"), over=False) == 2
    assert week.notified(HOUR + 8, anomaly(1.1, "shop")) == 1
    assert week.notified(HOUR + 60, anomaly(2.0, "cart")) == 0


def test_an_alarm_that_goes_on_brings_no_company() -> None:
    week = Week(2, initial_tokens=1.0)
    assert week.notified(HOUR, anomaly(1.3)) == 1
    assert week.notified(HOUR + 120, anomaly(1.3), anomaly(1.2, "web"), over=False) == 1
    assert week.notified(HOUR + 180, over=False) == 1  # what is sustained


def test_what_was_withheld_shortly_before_comes_along() -> None:
    week = Week(2, initial_tokens=0.0)
    assert week.notified(HOUR, anomaly(1.3), over=False) == 0
    assert week.notified(HOUR + 5, anomaly(3.0, "web"), over=False) == 2
    assert all(alarm.notified for alarm in week.budget.alarms)


def test_a_bucket_that_is_overdrawn_by_what_it_holds_pays_for_nothing_correlated() -> None:
    week = Week(2, initial_tokens=0.0)
    assert week.notified(HOUR, *(anomaly(3.5, f"s{n}") for n in range(3))) == 3
    assert week.notified(2 * HOUR, anomaly(3.5, "shop"), anomaly(1.2, "web"), over=False) == 1
    assert week.notified(2 * HOUR + 90, over=False) == 0


def test_what_is_sustained_is_notified_however_much_was_spent() -> None:
    week = Week(2, initial_tokens=0.0)
    assert week.notified(HOUR, anomaly(1.3), over=False) == 0
    assert week.notified(HOUR + 59, over=False) == 0
    assert week.notified(HOUR + 60, over=False) == 1
    assert [alarm.notified for alarm in week.budget.alarms] == [True]


def test_the_echo_of_a_healing_costs_nothing() -> None:
    week = Week(2, initial_tokens=1.0)
    assert week.notified(HOUR, anomaly(2.0)) == 1
    assert week.budget.confirmed(("t", "api"), HOUR * NANOSECONDS, (HOUR + 20) * NANOSECONDS)
    assert week.notified(HOUR + 21, anomaly(1.2)) == 1
    assert week.notified(2 * HOUR, anomaly(1.2, "web")) == 1


def test_less_than_one_a_week_is_one_in_a_longer_time() -> None:
    week = Week(0.5)
    week.notified(HOUR, anomaly(1.9))
    assert week.notified(10 * DAY, anomaly(1.2)) == 0
    assert week.notified(30 * DAY, anomaly(1.2)) == 1


def test_a_budget_that_is_not_enforced_only_counts() -> None:
    budget = AlertBudget(options=BudgetOptions(per_week=0, enforced=False))
    raised = (anomaly(1.1),)
    assert budget.admit(Decision(NANOSECONDS, raised)).raised == raised
    assert budget.standings("t")[0].spent == 1


def test_alarms_outlive_the_process(tmp_path: Path) -> None:
    file, week = AlarmFile(tmp_path / "alarms.json"), Week(1)
    assert file.load() == ()
    week.notified(HOUR, anomaly(1.9))
    file.keep(week.budget.alarms)
    again = AlertBudget(options=BudgetOptions(per_week=1), alarms=file.load())
    assert again.alarms == week.budget.alarms
    assert not again.admit(Decision((HOUR + 1000) * NANOSECONDS, (anomaly(1.2),))).raised


def test_alarms_that_an_earlier_release_kept_are_read(tmp_path: Path) -> None:
    said = '"tenant": "t", "service": "api", "at": 1, "until": 2, "score": 1.5, "p_value": 0.1, "signal": "latency"'
    (tmp_path / "alarms.json").write_text(f'[{{{said}, "told": true, "truth": "unknown"}}]')
    assert [alarm.notified for alarm in AlarmFile(tmp_path / "alarms.json").load()] == [True]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alarms.json").write_text('{"no": "alarms"}')
    with pytest.raises(InvalidSettings, match=r"alarms\.json"):
        AlarmFile(tmp_path / "alarms.json").load()


def test_old_alarms_are_forgotten() -> None:
    week = Week(2)
    for n in range(400):
        week.notified(n * HOUR, anomaly(1.2))
    assert len(week.budget.alarms) <= 7 * 24 + 1
    assert timedelta(hours=len(week.budget.alarms)) >= timedelta(days=6)
