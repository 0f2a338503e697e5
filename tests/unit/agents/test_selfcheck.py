"""Akeso's look at its own pipeline."""

from datetime import UTC, datetime, timedelta

from akeso.domain.messages import Feedback
from akeso.stages.selfcheck import (
    AGENT_SILENT,
    SelfCheckOptions,
    check_accuracy,
    check_heartbeats,
    check_latency,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_slow_inference_is_a_complaint_that_names_the_mean() -> None:
    complaint = check_latency([400.0] * 100, SelfCheckOptions())
    assert complaint is not None
    assert "400 ms" in complaint.statement


def test_inference_within_its_bound_is_none() -> None:
    assert check_latency([299.0] * 100, SelfCheckOptions()) is None


def test_too_few_events_are_no_ground_for_a_complaint() -> None:
    assert check_latency([9000.0] * 99, SelfCheckOptions()) is None


def test_accuracy_below_the_bound_is_a_complaint() -> None:
    right = [Feedback("t", "s", NOW, anomalous=True, predicted=True)] * 140
    wrong = [Feedback("t", "s", NOW, anomalous=True, predicted=False)] * 60
    complaint = check_accuracy(right + wrong, SelfCheckOptions())
    assert complaint is not None
    assert "70.0%" in complaint.statement


def test_accuracy_at_the_bound_is_none() -> None:
    right = [Feedback("t", "s", NOW, anomalous=False, predicted=False)] * 150
    wrong = [Feedback("t", "s", NOW, anomalous=False, predicted=True)] * 50
    assert check_accuracy(right + wrong, SelfCheckOptions()) is None


def test_only_agents_past_their_limit_are_silent() -> None:
    beats = {"model": NOW - timedelta(seconds=31), "feature": NOW - timedelta(seconds=29)}
    found = check_heartbeats(beats, NOW, SelfCheckOptions())
    assert [(c.agent, c.fault_class) for c in found] == [("model", AGENT_SILENT)]
