from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis, Evidence, FaultClass, Hypothesis
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.outcome import Recovery, Verification
from akeso.domain.incident.plan import Step
from akeso.stages.healing.learn import learn, mttr_seconds, outcomes, signature, tried
from akeso.testing.recorded.cases import Fault, Scene

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(seconds=12)
EVIDENCE = Evidence("topology", "quotes", "quotes spends 300 ms more", 3.0)


def _record(step: str, action: str, seconds: int, **changes: object) -> ActionRecord:
    record = ActionRecord(
        Step(step, action, "quotes"), ActionStatus.APPLIED, intended_at=AT + timedelta(seconds=seconds)
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def _ended(*records: ActionRecord, recovery: Recovery | None = Recovery.RECOVERED) -> Incident:
    anomalies = Scene(Fault("quotes", self_ms=300)).case().anomalies
    return Incident(
        id="inc-7",
        tenant="t",
        service="web",
        title="web is slow",
        severity=Severity.ERROR,
        onset=AT,
        detected_at=AT,
        updated_at=LATER,
        status=IncidentStatus.RESOLVED,
        anomalies=anomalies,
        diagnosis=Diagnosis((Hypothesis("quotes", FaultClass.LATENCY_DEGRADATION, 0.9, (EVIDENCE,)),), known=True),
        actions=MappingProxyType({r.step.id: r for r in records}),
        verification=None if recovery is None else Verification(recovery, ""),
        ended_at=LATER,
    )


def test_a_memory_tells_what_it_was_what_was_done_and_how_it_ended() -> None:
    memory = learn(_ended(_record("s1", "scale_out", 3), _record("s2", "restart", 6)), LATER)
    assert (memory.service, memory.fault_class) == ("quotes", FaultClass.LATENCY_DEGRADATION)
    assert (memory.action, memory.recovery, memory.mttr_seconds) == ("restart", Recovery.RECOVERED, 12.0)
    assert "quotes:self_time" in memory.signature
    assert memory.signature == tuple(sorted(set(memory.signature)))
    assert "quotes spends 300 ms more" in memory.text
    assert "inc-7" not in memory.text


def test_learning_twice_gives_the_same_memory() -> None:
    incident = _ended(_record("s1", "restart", 3))
    assert learn(incident, LATER) == learn(incident, LATER)


def test_an_unknown_cause_is_remembered_as_unknown() -> None:
    ended = _ended(recovery=None)
    assert ended.diagnosis is not None
    memory = learn(replace(ended, diagnosis=replace(ended.diagnosis, known=False)), LATER)
    assert (memory.service, memory.fault_class, memory.recovery) == ("web", UNKNOWN, Recovery.UNKNOWN)


def test_dry_runs_and_proposals_were_not_tried() -> None:
    incident = _ended(
        _record("s1", "restart", 3, status=ActionStatus.PREVIEWED, dry_run=True),
        _record("s2", "scale_out", 3, status=ActionStatus.DENIED),
    )
    assert tried(incident) == ()
    assert learn(incident, LATER).action == ""


def test_only_the_last_action_gets_the_credit() -> None:
    incident = _ended(_record("s2", "restart", 6), _record("s1", "scale_out", 3, status=ActionStatus.UNDONE))
    kind = FaultClass.LATENCY_DEGRADATION
    assert outcomes(incident) == {(kind, "restart"): (1, 1), (kind, "scale_out"): (0, 1)}


def test_what_did_not_recover_helped_nobody() -> None:
    incident = _ended(_record("s1", "restart", 3), recovery=Recovery.NOT_RECOVERED)
    assert outcomes(incident) == {(FaultClass.LATENCY_DEGRADATION, "restart"): (0, 1)}


def test_an_escalated_incident_has_no_time_to_recovery() -> None:
    assert mttr_seconds(replace(_ended(), status=IncidentStatus.ESCALATED)) is None


def test_signatures_name_service_and_signal_once() -> None:
    anomalies = Scene(Fault("quotes", self_ms=300)).case().anomalies
    assert signature((*anomalies, *anomalies)) == signature(anomalies)
