"""Events become canonical JSON and come back the same."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.events import (
    AlertAttached,
    AnalysisStarted,
    AnomaliesAttached,
    DiagnosisMade,
    Event,
    IncidentResolved,
    LessonLearned,
    VerificationMade,
)
from akeso.domain.incident.outcome import Recovery
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.engine.codec import GENESIS, chained, decode_event, encode_event, instant

AT = datetime(2030, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 bounds are naive
SCALARS: Mapping[Any, st.SearchStrategy[Any]] = {
    str: TEXT, float: NUMBERS, int: st.integers(-(2**53), 2**53), bool: st.booleans(), datetime: INSTANTS,
    timedelta: st.timedeltas(timedelta(0), timedelta(days=30)), type(None): st.none(),
}  # fmt: skip


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a declared type."""
    if kind in SCALARS:
        return SCALARS[kind]
    if is_dataclass(kind):
        return st.deferred(lambda: instances(kind))
    if (isinstance(kind, type) and issubclass(kind, Severity | Signal | AlertStatus | Recovery)) or _is_enum(kind):
        return st.sampled_from(list(kind))
    return _generic(kind)


def _is_enum(kind: Any) -> bool:
    return hasattr(kind, "__members__")


def _generic(kind: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and arguments[-1] is ...:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin is not None and issubclass(_class_of(origin), Mapping):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2).map(MappingProxyType)
    return st.one_of(*map(values, arguments))


def _class_of(origin: Any) -> type:
    return origin if isinstance(origin, type) else type(None)


def instances(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    build: Callable[..., Any] = kind
    return st.builds(build, **{f.name: values(hints[f.name]) for f in fields(kind)})


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_comes_back_the_same(kind: type[Event]) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(instances(kind))
    def round_trip(event: Event) -> None:
        name, payload = encode_event(event)
        again = decode_event(name, payload)
        assert again == event
        assert type(again) is kind
        assert encode_event(again) == (name, payload)

    round_trip()


def anomaly(**changes: Any) -> Anomaly:
    facts: dict[str, Any] = {
        "id": "a", "tenant": "t", "key": SeriesKey("t", "s", "m"), "signal": Signal.LATENCY, "onset": AT,
        "detected_at": AT, "score": 2.0, "observed": 9.0, "expected": 1.0, "spread": 0.5,
    }  # fmt: skip
    return Anomaly(**{**facts, **changes})


def test_json_is_canonical() -> None:
    alert = Alert(
        "t", "f", "s", "svc", "ttl", Severity.ERROR, AlertStatus.FIRING, AT.astimezone(timezone(-timedelta(hours=3)))
    )
    _, payload = encode_event(AlertAttached(alert))
    keys = list(json.loads(payload)["alert"])
    assert keys == sorted(keys)
    assert json.loads(payload)["alert"]["starts_at"] == "2030-01-01T00:00:00Z"
    assert b" " not in payload


def test_an_anomaly_may_lack_an_expectation() -> None:
    kind, payload = encode_event(AnomaliesAttached((anomaly(spread=float("nan")),)))
    found = decode_event(kind, payload)
    assert isinstance(found, AnomaliesAttached)
    assert found.anomalies[0].spread != found.anomalies[0].spread
    assert found.anomalies[0].observed == 9.0


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (VerificationMade(Recovery.UNKNOWN, "", {"p95": float("nan")}), "VerificationMade.numbers.p95"),
        (LessonLearned("m", float("inf")), "LessonLearned.mttr_seconds"),
        (AnomaliesAttached((anomaly(onset=AT.replace(tzinfo=None)),)), "AnomaliesAttached.anomalies[0].onset"),
        (AnomaliesAttached((anomaly(score=float("inf")),)), "AnomaliesAttached.anomalies[0].score"),
        (AnalysisStarted("\ud800"), "AnalysisStarted"),
    ],
)
def test_what_json_cannot_carry_is_refused_by_name(event: Event, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        encode_event(event)
    assert refused.value.field == field


def test_a_value_of_a_wrong_type_never_gets_in() -> None:
    with pytest.raises(InvalidInput) as refused:
        encode_event(IncidentResolved(7))  # type: ignore[arg-type]
    assert refused.value.field == "IncidentResolved.why"


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("Nonsense", b"{}", "kind"),
        ("IncidentResolved", b"{}", "IncidentResolved"),
        ("IncidentResolved", b"[]", "IncidentResolved"),
        ("IncidentResolved", b"{", "IncidentResolved"),
        ("IncidentResolved", b'{"why": "\xff"}', "IncidentResolved"),
        ("AlertAttached", b'{"alert": {"tenant": 5}}', "AlertAttached.alert.tenant"),
        ("AnomaliesAttached", b'{"anomalies": [null]}', "AnomaliesAttached.anomalies[0]"),
        ("Severity", b"{}", "kind"),
    ],
)
def test_bytes_that_are_no_event_are_refused_by_name(kind: str, payload: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_event(kind, payload)
    assert refused.value.field.startswith(field)


def test_a_diagnosis_of_an_earlier_release_keeps_what_it_said_to_look_at() -> None:
    event = decode_event("DiagnosisMade", b'{"diagnosis": {"hypotheses": [], "known": false, "next_looks": ["a log"]}}')
    assert isinstance(event, DiagnosisMade)
    assert event.diagnosis.suggested_checks == ("a log",)


def test_an_event_outside_the_union_is_refused() -> None:
    with pytest.raises(InvalidInput):
        encode_event(anomaly())  # type: ignore[arg-type]


def test_every_part_of_a_line_counts_for_its_hash() -> None:
    line = (1, "i", instant(AT), "actor", "kind", "payload")
    hashes = {chained(GENESIS, line), chained("1" * 64, line)}
    for place in range(len(line)):
        changed: Any = (*line[:place], 2 if place == 0 else line[place] + "x", *line[place + 1 :])  # type: ignore[operator]
        hashes.add(chained(GENESIS, changed))
    assert len(hashes) == 8


def test_a_part_cannot_lend_its_end_to_the_next() -> None:
    assert chained(GENESIS, (1, "ab", "c", "", "", "")) != chained(GENESIS, (1, "a", "bc", "", "", ""))


def test_instants_sort_as_text() -> None:
    assert instant(AT) == "2030-01-01T00:00:00.000000+00:00"
    assert instant(AT) < instant(AT + timedelta(microseconds=1))
    with pytest.raises(InvalidInput):
        instant(AT.replace(tzinfo=None))
