"""Alerts of well-known rules say what they look at; errors and latency are passed on to callers."""

from datetime import UTC, datetime

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import FaultClass
from akeso.domain.telemetry.batches import FeatureMatrix
from akeso.plugins.evidence.alerts import Alerts
from akeso.stages.diagnosis.alert_meanings import read_alert_meanings, shipped_alert_meanings

AT = datetime(2030, 1, 1, tzinfo=UTC)
NOTHING = FeatureMatrix((), np.empty(0, np.uint8), np.empty(0, np.int64), np.empty((0, 0)))
CALLS = Topology((Edge("orders", "orders-db"), Edge("billing", "orders-db")))


def alert(service: str, name: str) -> Alert:
    return Alert(
        "t", f"{service}{name}", "alertmanager", service, name, Severity.CRITICAL, AlertStatus.FIRING, AT,
        labels=(("alertname", name),),
    )  # fmt: skip


def weights(*alerts: Alert, topology: Topology = CALLS) -> dict[str, float]:
    case = Case("t", 0, 1, NOTHING, alerts=alerts, topology=topology)
    return {e.service: e.weight for e in Alerts().gather(case)}


def test_a_well_known_alert_says_what_is_wrong() -> None:
    case = Case("t", 0, 1, NOTHING, alerts=(alert("orders-db", "PostgresqlDown"),))
    (evidence,) = Alerts().gather(case)
    assert (evidence.service, max(evidence.classes)) == ("orders-db", FaultClass.CRASH)


def test_callers_that_err_only_pass_on_what_the_database_has() -> None:
    found = weights(
        alert("orders", "HighErrorRate"), alert("billing", "HighErrorRate"), alert("orders-db", "PostgresqlDown")
    )
    assert found["orders-db"] > 2 * max(found["orders"], found["billing"])


def test_without_an_alert_on_what_it_calls_a_service_is_taken_at_its_word() -> None:
    assert (
        weights(alert("orders", "HighErrorRate"))["orders"]
        == weights(alert("orders-db", "PostgresqlDown"))["orders-db"]
    )


def test_of_two_alerts_on_one_service_the_one_that_tells_the_cause_counts() -> None:
    found = Alerts().gather(
        Case("t", 0, 1, NOTHING, alerts=(alert("cart", "KubePodCrashLooping"), alert("cart", "HighErrorRate")))
    )
    assert [max(e.classes) for e in found] == [FaultClass.CRASH_LOOP]


def test_the_table_is_checked_and_each_entry_names_its_page() -> None:
    assert shipped_alert_meanings()["RedisDown"].page.startswith("https://")
    with pytest.raises(InvalidSettings, match=r"own.yaml: 0.alerts.nonsense"):
        read_alert_meanings("- {page: 'https://example.org', alerts: {nonsense: [A]}}", "own.yaml")
