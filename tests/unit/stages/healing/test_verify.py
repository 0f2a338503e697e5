"""Verification: recovered, not recovered, or unknown, and never success without data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Anomaly, Severity
from akeso.domain.incident.events import Watch
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.outcome import Recovery, Verification
from akeso.domain.telemetry import signal as s
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, SeriesKey
from akeso.stages.features.metric_meanings import signal_of
from akeso.stages.healing.verify import Aftermath, quiet_for, verify
from akeso.stages.healing.watches import choose_watches, is_symptom

START = 1_700_000_000
PAST, DURING = 60, 10
NAN = float("nan")
EDGE = (("peer", "bank"),)

LATENCY = SeriesKey("t", "cart", s.RED_MEAN, unit="ms")
ERRORS = SeriesKey("t", "cart", s.RED_ERRORS)
RATE = SeriesKey("t", "cart", s.RED_RATE)
CALLS = SeriesKey("t", "cart", s.EDGE_MEAN, EDGE, "ms")
SILENT = SeriesKey("t", "cart", s.SILENCE, unit="s")
ELSEWHERE = SeriesKey("t", "items", s.RED_MEAN, unit="ms")
DEPTH = SeriesKey("t", "queue", "messaging.queue.depth")

Shape = tuple[float, float, float]  # before the fault, during it, after the effect


@dataclass
class Scene:
    """Series that step from level to level; `after` slots after the effect have passed."""

    shapes: Mapping[SeriesKey, Shape]
    after: int = 5
    deadline: int = 12
    noise: float = 0.05
    ramps: Mapping[SeriesKey, float] = field(default_factory=dict)  # growth a second after the effect

    @property
    def matrix(self) -> FeatureMatrix:
        random = np.random.default_rng(7)
        columns = []
        for key, (before, during, after) in self.shapes.items():
            level = np.repeat(np.array([before, during, after], np.float64), [PAST, DURING, self.after])
            level[PAST + DURING :] += self.ramps.get(key, 0.0) * np.arange(1, self.after + 1)
            columns.append(level * (1 + self.noise * random.standard_normal(len(level))))
        times = (START + 1 + np.arange(PAST + DURING + self.after, dtype=np.int64)) * NANOSECONDS
        signals = np.array([int(signal_of(k)) for k in self.shapes], np.uint8)
        return FeatureMatrix(tuple(self.shapes), signals, times, np.stack(columns, axis=1))

    def incident(self, *symptoms: SeriesKey) -> Incident:
        at = datetime.fromtimestamp(START + PAST, UTC)
        anomalies = tuple(
            Anomaly(f"a-{k.metric}", "t", k, signal_of(k), at, at, 5.0, self.shapes[k][1], self.shapes[k][0], 1.0)
            for k in symptoms
        )
        return Incident("inc", "t", "cart", "slow", Severity.ERROR, at, at, at, anomalies=anomalies)

    def watches(self, *symptoms: SeriesKey) -> tuple[Watch, ...]:
        return choose_watches(self.incident(*symptoms), replace(self, after=0).matrix)

    def verify(self, *symptoms: SeriesKey, alerts_clear: bool | None = None) -> Verification | None:
        applied = (START + PAST + DURING) * NANOSECONDS
        aftermath = Aftermath(
            matrix=self.matrix,
            onset=(START + PAST) * NANOSECONDS,
            applied=applied,
            deadline=applied + self.deadline * NANOSECONDS,
            now=applied + self.after * NANOSECONDS,
            untouched=frozenset({"items"}),
            alerts_clear=alerts_clear,
        )
        return verify(self.watches(*symptoms), aftermath)


SICK: dict[SeriesKey, Shape] = {LATENCY: (50, 400, 400), ERRORS: (0, 0.4, 0.4), RATE: (20, 20, 20)}
WELL: dict[SeriesKey, Shape] = {LATENCY: (50, 400, 52), ERRORS: (0, 0.4, 0), RATE: (20, 20, 20)}


def found(verification: Verification | None) -> Verification:
    assert verification is not None
    return verification


def test_recovery_is_told_after_three_normal_slots_and_not_before() -> None:
    assert Scene(WELL, after=2).verify(LATENCY, ERRORS) is None
    verification = found(Scene(WELL, after=3).verify(LATENCY, ERRORS))
    assert verification.recovery is Recovery.RECOVERED
    assert "cart" in verification.statement


def test_before_the_deadline_it_keeps_looking_and_then_says_no() -> None:
    assert Scene(SICK, after=11).verify(LATENCY, ERRORS) is None
    verification = found(Scene(SICK, after=12).verify(LATENCY, ERRORS))
    assert verification.recovery is Recovery.NOT_RECOVERED
    assert verification.numbers["beyond"] == 2


def test_one_symptom_that_stays_is_no_recovery() -> None:
    mixed = {**WELL, ERRORS: (0, 0.4, 0.4)}
    assert found(Scene(mixed, after=12).verify(LATENCY, ERRORS)).recovery is Recovery.NOT_RECOVERED


def test_a_service_without_spans_is_watched_by_what_it_says_itself() -> None:
    said = {SeriesKey("t", "cart", "latency", unit="ms"): (50.0, 400.0, 52.0)}
    assert all(is_symptom(w) for w in Scene(said).watches())
    assert found(Scene(said, after=3).verify(alerts_clear=False)).recovery is Recovery.RECOVERED
    assert [w.metric for w in Scene({**WELL, **said}).watches()] == [LATENCY.metric, ERRORS.metric]


def test_missing_data_is_unknown_and_never_success() -> None:
    gone = {LATENCY: (50, 400, NAN), ERRORS: (0, 0.4, NAN), RATE: (20, 20, NAN)}
    assert Scene(gone, after=6).verify(LATENCY, ERRORS) is None
    assert found(Scene(gone, after=12).verify(LATENCY, ERRORS)).recovery is Recovery.UNKNOWN


def test_a_service_that_stays_silent_has_not_recovered() -> None:
    silent: dict[SeriesKey, Shape] = {LATENCY: (50, 400, NAN), SILENT: (0.5, 3, 12)}
    scene = Scene(silent, after=12, noise=0.0, ramps={SILENT: 1.0})
    assert found(scene.verify(LATENCY)).recovery is Recovery.NOT_RECOVERED


def test_a_service_that_is_heard_again_and_serves_has_recovered() -> None:
    back: dict[SeriesKey, Shape] = {LATENCY: (50, NAN, 52), SILENT: (0.5, 6, 0.5)}
    assert found(Scene(back, after=5, noise=0.0).verify(SILENT)).recovery is Recovery.RECOVERED


def test_a_symptom_that_vanished_is_judged_by_the_requests_of_its_service() -> None:
    edge_gone: dict[SeriesKey, Shape] = {**WELL, CALLS: (40, 300, NAN)}
    assert found(Scene(edge_gone).verify(LATENCY, CALLS)).recovery is Recovery.RECOVERED
    still_slow: dict[SeriesKey, Shape] = {**SICK, CALLS: (40, 300, NAN)}
    assert found(Scene(still_slow, after=12).verify(CALLS)).recovery is Recovery.NOT_RECOVERED


def test_errors_that_came_with_the_action_are_no_recovery() -> None:
    broken = {LATENCY: (50, 400, 52), ERRORS: (0, 0, 0.5), RATE: (20, 20, 20)}
    assert found(Scene(broken, after=12).verify(LATENCY)).recovery is Recovery.NOT_RECOVERED


def test_few_calls_without_an_error_are_not_yet_convincing() -> None:
    few: dict[SeriesKey, Shape] = {ERRORS: (0, 0.3, 0), RATE: (2, 2, 2)}
    assert Scene(few, after=5).verify(ERRORS) is None
    assert found(Scene(few, after=10, deadline=20).verify(ERRORS)).recovery is Recovery.RECOVERED


def test_a_backlog_that_is_worked_off_is_a_recovery_before_it_is_gone() -> None:
    depth: dict[SeriesKey, Shape] = {DEPTH: (2, 200, 30)}
    assert found(Scene(depth).verify(DEPTH)).recovery is Recovery.RECOVERED
    depth = {DEPTH: (2, 200, 180)}
    assert found(Scene(depth, after=12).verify(DEPTH)).recovery is Recovery.NOT_RECOVERED


def test_the_improvement_is_compared_with_services_that_were_not_touched() -> None:
    calm = found(Scene({**WELL, ELSEWHERE: (50, 50, 50)}).verify(LATENCY))
    assert calm.numbers["difference"] == pytest.approx(0.87, abs=0.05)
    everywhere = found(Scene({**WELL, ELSEWHERE: (50, 400, 52)}).verify(LATENCY))
    assert everywhere.recovery is Recovery.RECOVERED
    assert "may have ended by itself" in everywhere.statement
    assert abs(everywhere.numbers["difference"]) < 0.1


def test_an_alert_without_symptoms_is_over_when_its_sender_says_so() -> None:
    fine: dict[SeriesKey, Shape] = {LATENCY: (50, 50, 50)}
    assert Scene(fine).verify(alerts_clear=False) is None
    assert found(Scene(fine, after=12).verify(alerts_clear=False)).recovery is Recovery.UNKNOWN
    assert found(Scene(fine).verify(alerts_clear=True)).recovery is Recovery.RECOVERED


def test_with_nothing_to_watch_nobody_can_tell() -> None:
    other: dict[SeriesKey, Shape] = {ELSEWHERE: (50, 50, 50)}
    verification = found(Scene(other, after=12).verify())
    assert verification.recovery is Recovery.UNKNOWN
    assert "nothing to watch" in verification.statement


def test_quiet_is_counted_from_the_last_slot_that_was_not_normal() -> None:
    scene = Scene(WELL, after=6)
    assert quiet_for(scene.watches(LATENCY, ERRORS), scene.matrix) == timedelta(seconds=5)
    assert quiet_for(scene.watches(LATENCY, ERRORS), Scene(SICK, after=6).matrix) == timedelta(0)
    assert quiet_for((), scene.matrix) == timedelta(0)


def test_quiet_without_enough_calls_is_no_longer_than_a_slot() -> None:
    few: dict[SeriesKey, Shape] = {ERRORS: (0, 0.3, 0), RATE: (2, 2, 2)}
    scene = Scene(few, after=6)
    assert quiet_for(scene.watches(ERRORS), scene.matrix) == timedelta(seconds=1)


def test_a_bound_lies_between_the_normal_and_the_fault() -> None:
    for key, shape in ((LATENCY, (50, 90, 90)), (ERRORS, (0.0, 0.06, 0.06)), (CALLS, (10, 500, 500))):
        (watch,) = [w for w in Scene({key: shape}).watches(key) if w.metric == key.metric]
        assert shape[0] < watch.bound < shape[1]
        assert is_symptom(watch)


def test_without_a_past_the_detectors_expectation_is_taken() -> None:
    scene = Scene({LATENCY: (NAN, 400, 400)})
    incident = scene.incident(LATENCY)
    anomaly = replace(incident.anomalies[0], expected=50.0, spread=5.0)
    (watch,) = choose_watches(replace(incident, anomalies=(anomaly,)), replace(scene, after=0).matrix)
    assert 50 < watch.bound < 200
    unknown = replace(anomaly, expected=NAN, spread=NAN)
    (watch,) = choose_watches(replace(incident, anomalies=(unknown,)), replace(scene, after=0).matrix)
    assert watch.bound == pytest.approx(watch.at_fault / 2)


def test_only_so_many_symptoms_are_watched_the_strongest_first() -> None:
    keys = [SeriesKey("t", "cart", f"latency.{n}", unit="ms") for n in range(30)]
    scene = Scene(dict.fromkeys(keys, (50.0, 400.0, 50.0)))
    incident = scene.incident(*keys)
    ranked = tuple(replace(a, id=str(n), score=float(n)) for n, a in enumerate(incident.anomalies))
    watches = choose_watches(replace(incident, anomalies=ranked), replace(scene, after=0).matrix)
    assert {w.metric for w in watches} == {f"latency.{n}" for n in range(18, 30)}


def minutely(*told: float, every: int = 60) -> FeatureMatrix:
    """One latency that is told once a minute, 200 ms at the effect (slot 0)."""
    key = SeriesKey("t", "cart", "http.server.request.duration", unit="ms", stat="mean")
    slots = np.arange(-120, len(told) * every + 1)
    values = np.where(slots % every == 0, 200.0, np.nan)
    for number, value in enumerate(told, 1):
        values[slots == number * every] = value
    times = (START + slots.astype(np.int64)) * NANOSECONDS
    return FeatureMatrix((key,), np.array([s.Signal.LATENCY], np.uint8), times, values[:, None])


def told_minutely(*told: float, effect: int = 0) -> Verification | None:
    matrix = minutely(*told)
    watch = Watch("cart", "http.server.request.duration", (), "mean", 60.0, 200.0, timedelta(seconds=60))
    now, applied = int(matrix.times[-1]), (START + effect) * NANOSECONDS
    after = Aftermath(matrix, applied - 60 * NANOSECONDS, applied, applied + 600 * NANOSECONDS, now)
    return verify([watch], after)


def test_what_is_told_once_a_minute_has_recovered_after_two_values_and_not_after_three_seconds() -> None:
    assert told_minutely(40.0) is None
    found = told_minutely(40.0, 40.0)
    assert found is not None
    assert found.recovery is Recovery.RECOVERED


def test_a_value_that_sums_up_what_was_before_the_effect_says_nothing_of_it() -> None:
    assert told_minutely(40.0, 40.0, effect=10) is None
    assert told_minutely(40.0, 40.0, 40.0, effect=10) is not None


def test_one_bad_value_of_the_last_two_is_no_recovery() -> None:
    assert told_minutely(40.0, 40.0, 190.0) is None
