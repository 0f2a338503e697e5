"""Akeso's look at its own pipeline."""

from datetime import UTC, datetime, timedelta

from akeso.domain.messages import Feedback
from akeso.stages.model.drift import DriftSummary
from akeso.stages.model.self_check import (
    AGENT_SILENT,
    FEATURE_DRIFT,
    HealthFinding,
    SelfCheckOptions,
    check_accuracy,
    check_drift,
    check_heartbeats,
    check_latency,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_slow_inference_is_a_finding_that_names_the_mean() -> None:
    finding = check_latency([400.0] * 100, SelfCheckOptions())
    assert finding is not None
    assert "400 ms" in finding.statement


def test_inference_within_its_bound_is_none() -> None:
    assert check_latency([299.0] * 100, SelfCheckOptions()) is None


def test_too_few_events_are_no_ground_for_a_finding() -> None:
    assert check_latency([9000.0] * 99, SelfCheckOptions()) is None


def test_accuracy_below_the_bound_is_a_finding() -> None:
    right = [Feedback("t", "s", NOW, anomalous=True, predicted=True)] * 140
    wrong = [Feedback("t", "s", NOW, anomalous=True, predicted=False)] * 60
    finding = check_accuracy(right + wrong, SelfCheckOptions())
    assert finding is not None
    assert "70.0%" in finding.statement


def test_accuracy_at_the_bound_is_none() -> None:
    right = [Feedback("t", "s", NOW, anomalous=False, predicted=False)] * 150
    wrong = [Feedback("t", "s", NOW, anomalous=False, predicted=True)] * 50
    assert check_accuracy(right + wrong, SelfCheckOptions()) is None


def test_only_agents_past_their_limit_are_silent() -> None:
    beats = {"model": NOW - timedelta(seconds=31), "feature": NOW - timedelta(seconds=29)}
    found = check_heartbeats(beats, NOW, SelfCheckOptions())
    assert [(c.agent, c.fault_class) for c in found] == [("model", AGENT_SILENT)]


STANDING = HealthFinding("model", "any", "it was so")
QUICK = SelfCheckOptions(latency_again=5, accuracy_again=4)


def test_a_standing_finding_of_slowness_is_over_after_a_few_quick_ones() -> None:
    assert check_latency([1.0] * 4, QUICK, STANDING) is STANDING
    assert check_latency([1.0] * 5, QUICK, STANDING) is None
    still = check_latency([900.0] * 5, QUICK, STANDING)
    assert still is not None
    assert "900 ms on average over 5" in still.statement


def test_a_standing_finding_of_wrong_decisions_is_over_after_a_few_right_ones() -> None:
    wrong = Feedback("t", "s", NOW, anomalous=True, predicted=False)
    right = Feedback("t", "s", NOW, anomalous=True, predicted=True)
    assert check_accuracy([right] * 3, QUICK, STANDING) is STANDING
    assert check_accuracy([wrong] * 9 + [right] * 4, QUICK, STANDING) is None
    still = check_accuracy([right] * 9 + [wrong] * 4, QUICK, STANDING)
    assert still is not None
    assert "0.0% of the last 4" in still.statement


def summary(share: float) -> DriftSummary:
    return DriftSummary(10, share, 0.9, 0.6, 0.5, 3)


def test_drift_is_a_finding_once_it_has_settled() -> None:
    assert check_drift(summary(0.4), rising=False, options=QUICK) is None
    assert check_drift(summary(0.8), rising=True, options=QUICK) is None
    found = check_drift(summary(0.8), rising=False, options=QUICK)
    assert found is not None
    assert found.fault_class == FEATURE_DRIFT
    assert "PSI 0.90, KS 0.60, JS 0.50" in found.statement


def test_drift_that_stands_does_not_have_to_settle_again() -> None:
    assert check_drift(summary(0.8), rising=True, options=QUICK, standing=STANDING) is not None
    assert check_drift(summary(0.1), rising=True, options=QUICK, standing=STANDING) is None
