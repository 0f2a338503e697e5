import json
from typing import Any

import pytest

from akeso.domain.detection.anomaly import AlertStatus, Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.simple_event import SimpleEvent
from akeso.ports.source import Intake
from akeso.testing.requests.sources import RECEIVED_AT, request_to

CALM = {"component": "cart", "latency": 80.5, "error_rate": 0.01}


def decoded(event: dict[str, Any], source: SimpleEvent | None = None, table: SeriesTable | None = None) -> Intake:
    request = request_to("/add-event", json.dumps(event).encode())
    return (source or SimpleEvent()).decode(request, SeriesTable() if table is None else table)


def answered(intake: Intake) -> dict[str, Any]:
    content = json.loads(intake.answer.body)
    assert intake.answer.status == 200
    assert content["status"] == "ok"
    event: dict[str, Any] = content["event"]
    assert list(event) == ["timestamp", "component", "status", "analysis", "healing_action"]
    return event


def test_a_calm_event_is_normal_and_raises_nothing() -> None:
    intake = decoded(CALM)
    event = answered(intake)
    assert (event["status"], event["component"], event["healing_action"]) == ("Normal", "cart", "No action needed")
    assert "80.5 ms" in event["analysis"]
    assert "1.0%" in event["analysis"]
    assert [a.status for a in intake.alerts] == [AlertStatus.RESOLVED]


def test_values_that_are_normal_again_end_the_alert_whatever_was_breached() -> None:
    source = SimpleEvent()
    told = [decoded(CALM | more, source).alerts for more in ({"latency": 400}, {"error_rate": 0.5}, {}, {}, {"cpu": 1})]
    assert [[a.status for a in alerts] for alerts in told] == [
        [AlertStatus.FIRING], [AlertStatus.FIRING], [AlertStatus.RESOLVED], [], [],
    ]  # fmt: skip
    assert len({a.fingerprint for alerts in told for a in alerts}) == 1
    assert [a.status for a in decoded(CALM | {"latency": 400}, source).alerts] == [AlertStatus.FIRING]
    assert [a.status for a in decoded(CALM, source).alerts] == [AlertStatus.RESOLVED]


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "No similar incident is known."), (1, "1 similar incident is known."), (7, "7 similar incidents are known.")],
)
def test_the_answer_names_how_many_similar_incidents_are_known(count: int, said: str) -> None:
    source = SimpleEvent()
    answer = json.loads(source.with_precedents(decoded(CALM | {"latency": 400}).answer, count).body)["event"]
    assert (answer["analysis"].endswith(said), answer["similar_incidents"]) == (True, count)
    calm = decoded(CALM).answer
    assert source.with_precedents(calm, count) == calm


@pytest.mark.parametrize(
    ("numbers", "words", "severity"),
    [
        ({"latency": 151}, ("latency 151 ms", "150 ms"), Severity.ERROR),
        ({"error_rate": 0.07}, ("error rate 7.0%", "5.0%"), Severity.ERROR),
        ({"latency": 400, "error_rate": 0.5}, ("latency 400 ms", "error rate 50.0%"), Severity.CRITICAL),
    ],
)
def test_a_breach_is_an_anomaly_with_its_numbers_and_an_alert(
    numbers: dict[str, float], words: tuple[str, ...], severity: Severity
) -> None:
    intake = decoded(CALM | numbers)
    event = answered(intake)
    assert event["status"] == "Anomaly"
    assert all(word in event["analysis"] for word in words)
    assert "cart" in event["healing_action"]
    (alert,) = intake.alerts
    assert (alert.service, alert.severity, alert.status) == ("cart", severity, AlertStatus.FIRING)
    assert all(word in alert.title for word in words)


def test_a_value_at_the_threshold_is_normal() -> None:
    assert answered(decoded(CALM | {"latency": 150, "error_rate": 0.05}))["status"] == "Normal"


def test_thresholds_are_options() -> None:
    assert answered(decoded(CALM, SimpleEvent(latency_ms=80)))["status"] == "Anomaly"
    assert answered(decoded(CALM, SimpleEvent(error_rate=0.001)))["status"] == "Anomaly"


def test_the_same_event_again_is_the_same_alert() -> None:
    event = CALM | {"latency": 500, "timestamp": "2026-03-01T12:00:00Z"}
    first, second = (decoded(event).alerts[0] for _ in range(2))
    assert (first.fingerprint, first.starts_at) == (second.fingerprint, second.starts_at)
    assert decoded(event | {"component": "web"}).alerts[0].fingerprint != first.fingerprint


def test_all_numbers_become_points_of_the_component() -> None:
    table = SeriesTable()
    extra = {"throughput": 12, "cpu": 0.5, "memory": 1e9, "labels": {"zone": "b", "az": "a"}}
    block = decoded(CALM | extra, table=table).batch.metrics
    points = {table[i].metric: v for i, v in zip(block.series, block.value.tolist(), strict=True)}
    assert points == {"latency": 80.5, "error_rate": 0.01, "throughput": 12, "cpu": 0.5, "memory": 1e9}
    assert {key.unit for key in table.keys if key.metric == "latency"} == {"ms"}
    assert {(key.tenant, key.service, key.attributes) for key in table.keys} == {
        ("default", "cart", (("az", "a"), ("zone", "b")))
    }


def test_a_message_becomes_a_log_record() -> None:
    (calm,), (bad,) = (decoded(CALM | {"message": "hm"} | more).batch.logs for more in ({}, {"latency": 999}))
    assert (calm.service, calm.body, calm.severity.tolist()) == ("cart", ("hm",), [9])
    assert bad.severity.tolist() == [17]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-03-01T12:00:00Z", 1_772_366_400_000_000_000),
        ("2026-03-01T13:00:00.5+01:00", 1_772_366_400_500_000_000),
        ("2026-03-01 12:00:00", 1_772_366_400_000_000_000),
        (1_772_366_400, 1_772_366_400_000_000_000),
        (1_772_366_400.5, 1_772_366_400_500_000_000),
        (1_772_366_400_000, 1_772_366_400_000_000_000),
        ("1772366400", 1_772_366_400_000_000_000),
        (None, RECEIVED_AT),
    ],
)
def test_instants_are_iso_8601_or_epoch(stamp: Any, expected: int) -> None:
    assert decoded(CALM | {"timestamp": stamp}).batch.metrics.time.tolist() == [expected, expected]


def test_the_answer_says_when_in_iso_8601() -> None:
    assert answered(decoded(CALM | {"timestamp": 1_772_366_400}))["timestamp"] == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"latency": "slow"}, "latency"),
        ({"latency": -1}, "latency"),
        ({"latency": None}, "latency"),
        ({"latency": True}, "latency"),
        ({"error_rate": 1.5}, "error_rate"),
        ({"component": 5}, "component"),
        ({"component": ""}, "component"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": -5}, "timestamp"),
        ({"timestamp": []}, "timestamp"),
        ({"cpu": "much"}, "cpu"),
        ({"message": 7}, "message"),
        ({"labels": {"a": 1}}, "labels[...]"),
    ],
)
def test_a_wrong_type_is_refused_and_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decoded(CALM | change)
    assert refused.value.field == field
    answer = SimpleEvent().refuse(request_to("/add-event", b""), refused.value, 422)
    assert answer.status == 422
    assert json.loads(answer.body)["field"] == field


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        decoded({"component": "cart", "latency": 1})
    assert (refused.value.field, refused.value.reason) == ("error_rate", "is missing")


def test_unknown_fields_are_accepted() -> None:
    assert answered(decoded(CALM | {"weather": {"sun": True}}))["status"] == "Normal"
