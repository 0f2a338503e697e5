"""Scores of what Akeso noticed, said and did, against what was really so."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.outcome import Done, EffectOutcome
from akeso.domain.telemetry.batches import FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.worlds.delivery import Delivery
from akeso.worlds.scoring.baseline import Alarm, Baseline, compared
from akeso.worlds.scoring.matching import Lived, scored
from akeso.worlds.scoring.score import RunScore, summary
from akeso.worlds.scoring.watched import Watched
from akeso.worlds.truth import Hurt, Remedy, Truth

SECOND = 10**9
START = 1_893_456_000 * SECOND
LEAK = Truth(
    "t1",
    "memory_leak",
    "memory_leak",
    "cart",
    "cart",
    START + 100 * SECOND,
    START + 200 * SECOND,
    hurts=frozenset({"cart"}),
    helps=frozenset({Remedy("restart", "cart")}),
    harms=frozenset({Remedy("rollback_release", "cart")}),
)


class Place:
    """A world in which `cart` hurts from 110 s to 190 s."""

    def __init__(self, *truth: Truth) -> None:
        self.now, self.truth = START, truth

    def advance(self, until: int) -> Sequence[Delivery]:
        self.now = until
        return ()

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] | None = None, *, undo: bool = False
    ) -> EffectOutcome:
        del parameters, undo
        return Done(f"{action} {target}")

    def look(self, action: str, target: str) -> Mapping[str, str]:
        return {action: target}

    def hurting(self) -> tuple[Hurt, ...]:
        passed = (self.now - START) / SECOND
        return (Hurt("cart", 100, 0.5, 10.0, 0.01, 100.0),) if 110 <= passed <= 190 else ()


def incident(at_s: float, service: str, cause: str = "", fault_class: str = "") -> Incident:
    at = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=at_s)
    found = Diagnosis((Hypothesis(cause, fault_class, 0.95),), True) if cause else None
    return Incident(f"i{at_s:g}", "default", service, "slow", Severity.ERROR, at, at, at, diagnosis=found)


def run(
    incidents: Sequence[Incident], acts: Mapping[int, tuple[str, str]] | None = None, truth: Truth = LEAK
) -> RunScore:
    watched = Watched(Place(truth))
    for second in range(1, 601):
        watched.advance(START + second * SECOND)
        if acts and second in acts:
            watched.act(*acts[second])
    return scored(Lived(watched, incidents, START, START + 600 * SECOND))


def test_a_fault_that_is_noticed_and_named() -> None:
    score = run([incident(120, "web", "cart", "memory_leak")])
    (fault,) = score.faults
    assert (fault.noticed, fault.first, fault.kind_right, fault.confidence, fault.delay_s) == (
        True,
        True,
        True,
        0.95,
        10,
    )
    assert score.false == ()


def test_an_incident_is_about_a_fault_only_where_its_services_are_concerned() -> None:
    score = run([incident(120, "mail", "mail", "crash")])
    assert not score.faults[0].noticed
    assert score.false == ("mail: slow",)


def test_an_incident_without_a_fault_is_about_nothing() -> None:
    assert run([incident(50, "cart")]).false == ("cart: slow",)


def test_telling_a_telemetry_gap_while_there_is_one_is_not_false_and_anything_else_about_it_is() -> None:
    gap = Truth("t1", "collector_dead", "", "collector", "web", START + 100 * SECOND, ordinary=True, gap=True)
    told = incident(120, "telemetry", "telemetry", "telemetry_gap")
    assert run([told], truth=gap).false == ()
    assert run([incident(120, "web", "web", "crash")], truth=gap).false == ("web: slow",)
    assert run([told]).false == ("telemetry: slow",)


def test_effects_are_told_by_what_they_are_worth() -> None:
    acts = {
        50: ("restart", "cart"),
        130: ("restart", "cart"),
        140: ("rollback_release", "cart"),
        150: ("restart", "web"),
    }
    assert [effect.word for effect in run([], acts).effects] == ["groundless", "helps", "harms", "useless"]


def test_a_summary_counts_over_all_runs() -> None:
    told = summary([run([incident(120, "web", "cart", "memory_leak")]), run([incident(50, "cart")])])
    assert (told["faults"], told["noticed"], told["cause_first"], told["false_incidents"]) == (2, 0.5, 0.5, 1)
    assert told["false_incidents_a_day"] == 72


def test_the_baseline_blames_the_loudest_service() -> None:
    table = SeriesTable()
    table.intern_all(SeriesKey("default", name, "latency") for name in ("cart", "web"))
    baseline = Baseline(table, START + 60 * SECOND)
    chance = np.random.default_rng(1)
    for second in range(1, 100):
        values = np.array([20.0, 20.0]) + chance.normal(0, 1, 2)
        if second > 80:
            values += (500.0, 100.0)
        baseline.see(FeatureFrame(START + second * SECOND, SECOND, values, np.zeros(2, np.uint8)))
    assert [alarm.service for alarm in baseline.alarms] == ["cart"]


def test_the_baseline_is_compared_with_the_same_truth() -> None:
    alarms = [Alarm(START + 50 * SECOND, "web"), Alarm(START + 120 * SECOND, "cart")]
    assert compared(alarms, [LEAK], START + 600 * SECOND, 0) == {
        "faults": 1,
        "noticed": 1,
        "cause_first": 1,
        "false": 1,
    }
