from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis, Evidence, FaultClass, Hypothesis
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Recovery
from akeso.domain.telemetry.batches import FeatureMatrix, SeriesKey
from akeso.plugins.discovery import build
from akeso.plugins.reasoners.deterministic import Deterministic
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Blame
from akeso.stages.diagnosis.diagnose import DiagnoseOptions, diagnose
from akeso.stages.diagnosis.symptoms import read
from akeso.stages.features.metric_meanings import signal_of
from akeso.testing.recorded.cases import START, TENANT, Fault, Scene

PROVIDERS = list(build("evidence").values())
SCENE = Scene(Fault("quotes", self_ms=300))


@dataclass
class Says:
    """A provider that always finds the same."""

    evidence: tuple[Evidence, ...]
    name: str = "says"

    def gather(self, case: Case) -> Sequence[Evidence]:
        del case
        return self.evidence


class Breaks:
    name = "breaks"

    def gather(self, case: Case) -> Sequence[Evidence]:
        del case
        raise RuntimeError("no such column")


def _best(diagnosis: Diagnosis) -> Hypothesis:
    assert diagnosis.best is not None
    return diagnosis.best


def _finding(service: str, weight: float, **classes: float) -> Evidence:
    return Evidence("says", service, f"something about {service}", weight, classes)


def test_a_provider_that_raises_is_missed_and_named() -> None:
    diagnosis = diagnose(SCENE.case(), [*PROVIDERS, Breaks()])
    assert _best(diagnosis).service == "quotes"
    assert "breaks could not look (RuntimeError: no such column)" in diagnosis.explanation


def test_confidences_are_probabilities_that_leave_room_for_the_unknown() -> None:
    diagnosis = diagnose(SCENE.case(), PROVIDERS)
    confidences = [h.confidence for h in diagnosis.hypotheses]
    assert confidences == sorted(confidences, reverse=True)
    assert 0.0 < sum(confidences) < 1.0


def test_log_odds_of_one_service_add_up() -> None:
    case = SCENE.case()
    alone = diagnose(case, [Says((_finding("quotes", 1.0),))])
    together = diagnose(case, [Says((_finding("quotes", 1.0), _finding("quotes", 1.5)))])
    against = diagnose(case, [Says((_finding("quotes", 1.0), _finding("quotes", -1.5)))])
    assert _best(against).confidence < _best(alone).confidence < _best(together).confidence


def test_two_services_with_equal_evidence_are_not_known() -> None:
    says = Says((_finding("quotes", 3.0), _finding("basket", 3.0)))
    diagnosis = diagnose(SCENE.case(), [says], DiagnoseOptions(minimum_confidence=0.5, suspected=0.0))
    assert not diagnosis.known
    assert "Look next at" in diagnosis.explanation


def test_a_higher_temperature_is_less_sure() -> None:
    cold = diagnose(SCENE.case(), PROVIDERS, DiagnoseOptions(temperature=0.5))
    warm = diagnose(SCENE.case(), PROVIDERS, DiagnoseOptions(temperature=4.0))
    assert _best(cold).confidence > _best(warm).confidence


def test_the_class_with_the_highest_sum_is_named_and_a_weak_one_is_not() -> None:
    strong = Says((_finding("quotes", 5.0, crash=1.0, bad_release=0.8), _finding("quotes", 0.0, bad_release=0.9)))
    weak = Says((_finding("quotes", 5.0, crash=0.2),))
    assert _best(diagnose(SCENE.case(), [strong])).fault_class == FaultClass.BAD_RELEASE
    assert _best(diagnose(SCENE.case(), [weak])).fault_class == UNKNOWN


def test_a_case_without_anything_is_unknown() -> None:
    empty = FeatureMatrix((), np.empty(0, np.uint8), np.empty(0, np.int64), np.empty((0, 0)))
    diagnosis = diagnose(Case(TENANT, START, START, empty), PROVIDERS)
    assert not diagnosis.known
    assert diagnosis.hypotheses == ()
    assert "nothing was found" in diagnosis.explanation


def test_missing_values_and_services_without_a_past_break_no_provider() -> None:
    case = SCENE.case()
    values = case.features.values.copy()
    values[:, ::3] = np.nan
    values[:100, 1::3] = np.nan
    holes = replace(case, features=replace(case.features, values=values))
    no_past = replace(case, onset=START)
    no_fault = replace(case, onset=case.now)
    for odd in (holes, no_past, no_fault):
        assert "could not look" not in diagnose(odd, PROVIDERS).explanation


def test_a_service_that_never_sent_spans_is_judged_by_its_own_latency() -> None:
    key = SeriesKey(TENANT, "till", "latency", unit="ms")
    values = np.where(np.arange(70) < 60, 40.0, 400.0)[:, None] + np.random.default_rng(1).normal(0, 2, (70, 1))
    times = START + (np.arange(70, dtype=np.int64) + 1) * 1_000_000_000
    matrix = FeatureMatrix((key,), np.array([int(signal_of(key))], np.uint8), times, values)
    diagnosis = diagnose(Case(TENANT, int(times[59]), int(times[-1]), matrix), PROVIDERS)
    assert diagnosis.known
    assert (_best(diagnosis).service, _best(diagnosis).fault_class) == ("till", FaultClass.LATENCY_DEGRADATION)


def test_an_alert_that_knows_its_fault_is_believed() -> None:
    case = replace(Scene().case(), alerts=(_alert(fault_class="inference_slow"),))
    diagnosis = diagnose(case, PROVIDERS)
    assert (_best(diagnosis).service, _best(diagnosis).fault_class) == ("model", "inference_slow")
    assert diagnosis.known


def test_a_resolved_alert_says_nothing() -> None:
    case = replace(Scene().case(), alerts=(replace(_alert(), status=AlertStatus.RESOLVED),))
    assert not any(e.provider == "alerts" for h in diagnose(case, PROVIDERS).hypotheses for e in h.evidence)


def _alert(fault_class: str = "") -> Alert:
    at = SCENE.case().anomalies[0].onset
    return Alert(
        TENANT, "f", "monitor", "model", "slow", Severity.ERROR, AlertStatus.FIRING, at, fault_class=fault_class
    )


def _recollection(recovery: Recovery) -> Recollection:
    at = SCENE.case().anomalies[0].onset
    memory = Memory("m", TENANT, "inc-1", at, "basket", FaultClass.CRASH, (), "", "restart", recovery)
    return Recollection(memory, 0.9)


def test_recollections_count_by_how_they_ended() -> None:
    def weight(recovery: Recovery) -> float:
        case = replace(SCENE, similar=(_recollection(recovery),)).case()
        found: Sequence[Evidence] = next(p for p in PROVIDERS if p.name == "similar").gather(case)
        return found[0].weight

    # What ended unknown confirms nothing.
    assert weight(Recovery.RECOVERED) > weight(Recovery.UNKNOWN) == 0 > weight(Recovery.NOT_RECOVERED)


def test_a_caller_is_cleared_of_what_its_callee_costs_it() -> None:
    found = effects(SCENE.case())
    assert found["buy"].slow
    assert not found["buy"].slow_itself
    assert found["quotes"].slow_itself
    assert [c.blame for c in found["buy"].calls if c.callee == "quotes"] == [Blame.CALLEE]


def test_a_caller_that_cannot_reach_a_healthy_callee_is_blamed_itself() -> None:
    found = effects(Scene(Fault("buy", call_errors={"quotes": 1.0})).case())
    assert found["buy"].failing_itself
    assert [c.blame for c in found["buy"].calls if c.callee == "quotes"] == [Blame.CALLER]


def test_telemetry_that_stops_while_calls_succeed_is_no_crash() -> None:
    case = Scene(Fault("quotes", down=True)).case()
    edge = [i for i, k in enumerate(case.features.keys) if ("peer", "quotes") in k.attributes]
    values = case.features.values.copy()
    values[-6:, edge] = values[-12:-6, edge]
    deaf = replace(case, features=replace(case.features, values=values), anomalies=())
    silence = next(p for p in PROVIDERS if p.name == "silence").gather(deaf)
    assert [e.weight < 0 for e in silence if e.service == "quotes"] == [True]


def test_a_change_counts_the_more_the_closer_it_is_and_little_where_nothing_is_wrong() -> None:
    changes = next(p for p in PROVIDERS if p.name == "changes")

    def weight(service: str, before_s: float) -> float:
        found = changes.gather(replace(SCENE, changes=((service, "deploy", before_s),)).case())
        return max((e.weight for e in found), default=0.0)

    assert weight("quotes", 3.0) > weight("quotes", 60.0) > weight("quotes", 500.0) >= 0.0
    assert weight("basket", 3.0) < 0.3 * weight("quotes", 3.0)
    assert weight("quotes", 5000.0) == 0.0


def test_an_error_line_that_names_a_dependency_speaks_of_the_dependency() -> None:
    line = "POST /quotes failed: stock at 10.0.0.7:1 refused the connection"
    case = replace(Scene(), logs={("buy", line, 17): 4.0}).case()
    found = next(p for p in PROVIDERS if p.name == "logs").gather(case)
    assert [e.service for e in found] == ["stock"]


def test_a_departure_knows_when_it_began() -> None:
    symptoms = read(SCENE.case())
    deviation = symptoms.find("quotes", "akeso.red.self_time")
    assert deviation is not None
    assert deviation.starts_s == pytest.approx(1.0, abs=1.0)
    assert deviation.past == pytest.approx(12.0, rel=0.3)
    assert deviation.level == pytest.approx(312.0, rel=0.3)


def test_among_a_thousand_series_of_five_minutes_the_cause_is_found() -> None:
    case = Scene(Fault("quotes", self_ms=300), past=290, during=10).case()
    copies = -(-1000 // len(case.features.keys))
    keys = tuple(
        replace(k, service=k.service if c == 0 else f"{k.service}{c}")
        for c in range(copies)
        for k in case.features.keys
    )
    tiled = FeatureMatrix(
        keys, np.tile(case.features.signals, copies), case.features.times, np.tile(case.features.values, copies)
    )
    diagnosis = diagnose(replace(case, features=tiled), PROVIDERS)
    assert _best(diagnosis).service.startswith("quotes")


async def test_the_explanation_numbers_the_evidence_and_names_its_providers() -> None:
    case = SCENE.case()
    text = (await Deterministic().explain(case, diagnose(case, PROVIDERS))).text
    assert text.startswith("Root cause: latency degradation of quotes (probability ")
    assert "\n1. quotes spends " in text
    assert "[topology, " in text


async def test_the_explanation_of_the_unknown_says_so() -> None:
    case = Scene().case()
    text = (await Deterministic().explain(case, diagnose(case, PROVIDERS))).text
    assert "Not known" in text


def test_a_callee_that_may_be_dead_is_not_called_healthy() -> None:
    case = Scene(Fault("quotes", down=True), during=2).case()
    blames = [c.blame for c in effects(case)["buy"].calls if c.callee == "quotes"]
    assert blames in ([Blame.CALLEE], [Blame.UNCLEAR])
    assert not effects(case)["buy"].failing_itself


def test_requests_that_pile_up_before_a_slow_callee_count_little_against_the_caller() -> None:
    alone = effects(Scene(Fault("buy", self_ms=400)).case())["buy"]
    assert not alone.congested
    behind = replace(SCENE, fault=Fault("buy", self_ms=400)).case()
    both = effects(_slower(behind, "quotes", 500.0))["buy"]
    assert both.congested


def _slower(case: Case, service: str, extra_ms: float) -> Case:
    """The case with a service, and the calls to it, slower after the onset."""
    values = case.features.values.copy()
    during = case.features.times > case.onset
    for i, key in enumerate(case.features.keys):
        own = key.service == service and key.metric in {"akeso.red.latency_mean", "akeso.red.self_time"}
        edge = ("peer", service) in key.attributes and key.metric == "akeso.edge.latency_mean"
        if own or edge:
            values[during, i] += extra_ms
    return replace(case, features=replace(case.features, values=values))
