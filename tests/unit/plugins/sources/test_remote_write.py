"""Samples of both versions become series, whatever form they are written in."""

import base64
import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.ports.source import Intake
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import (
    AT_MS,
    FIRST,
    SECOND,
    STALE,
    SecondRequest,
    first_request,
    first_series,
    sample,
    write_request,
)

LABELS = {"__name__": "cart_items", "instance": "10.0.0.1:80", "job": "shop", "service": "cart"}
ITEMS = SeriesKey("default", "cart", "cart_items", (("job", "shop"), ("service.instance.id", "10.0.0.1:80")))
VERSIONS = pytest.mark.parametrize("version", [1, 2])

Points = list[tuple[str, float, int]]


class Receiver:
    """A source with its table, asked again and again."""

    def __init__(self) -> None:
        self.source, self.table = RemoteWrite(), SeriesTable()

    def take(self, version: int, *series: tuple[Mapping[str, str], list[tuple[int, float]]]) -> Intake:
        """Send series."""
        if version == 1:
            return self.send(first_request(*(first_series(labels, samples) for labels, samples in series)), FIRST)
        request = SecondRequest()
        for labels, samples in series:
            request.add(labels, samples)
        return self.send(bytes(request), SECOND)

    def send(self, body: bytes, content_type: str = FIRST) -> Intake:
        return self.source.decode(write_request(body, content_type), self.table)

    def points(self, intake: Intake) -> Points:
        """Metric, value, ms."""
        block = intake.batch.metrics
        columns = zip(block.series.tolist(), block.value.tolist(), (block.time // 1_000_000).tolist(), strict=True)
        return [(self.table[series].metric, value, at) for series, value, at in columns]


def written(intake: Intake) -> list[int]:
    headers = intake.answer.headers
    return [
        int(headers[f"X-Prometheus-Remote-Write-{what}-Written"]) for what in ("Samples", "Histograms", "Exemplars")
    ]


@VERSIONS
def test_a_sample_becomes_a_point_of_its_series(version: int) -> None:
    receiver = Receiver()
    intake = receiver.take(version, (LABELS, [(AT_MS, 7.5)]))
    assert receiver.table.keys == [ITEMS]
    assert receiver.points(intake) == [("cart_items", 7.5, AT_MS)]
    assert (intake.answer.status, intake.answer.body, written(intake)) == (204, b"", [1, 0, 0])


@VERSIONS
@pytest.mark.parametrize("value", [1.5, 0.0, -0.0, 1e300, -3.0])
def test_a_known_series_is_found_again(version: int, value: float) -> None:
    receiver = Receiver()
    receiver.take(version, (LABELS, [(AT_MS, 1.0)]))
    again = receiver.take(version, ({"__name__": "other"}, [(AT_MS, 2.0)]), (LABELS, [(AT_MS + 1000, value)]))
    assert sorted(receiver.points(again)) == [("cart_items", value, AT_MS + 1000), ("other", 2.0, AT_MS)]
    assert len(receiver.table) == 2
    assert written(again) == [2, 0, 0]


@VERSIONS
def test_several_samples_of_a_series_are_taken(version: int) -> None:
    receiver, samples = Receiver(), [(AT_MS, 1.0), (AT_MS + 1, 0.0), (AT_MS + 2, 3.0)]
    for _ in range(2):
        intake = receiver.take(version, (LABELS, samples))
        assert receiver.points(intake) == [("cart_items", value, at) for at, value in samples]


@VERSIONS
def test_two_short_samples_are_not_taken_for_a_long_one(version: int) -> None:
    # Eighteen bytes, like the one sample that is nearly always there.
    receiver = Receiver()
    receiver.take(version, (LABELS, [(AT_MS, 1.0)]))
    intake = receiver.take(version, (LABELS, [(AT_MS, 0.0), (AT_MS + 1, 0.0)]))
    assert receiver.points(intake) == [("cart_items", 0.0, AT_MS), ("cart_items", 0.0, AT_MS + 1)]


@VERSIONS
@pytest.mark.parametrize("at", [631_152_000_000, 2**40, 2**42 - 1, 2**42])
def test_times_of_any_length_are_read(version: int, at: int) -> None:
    receiver = Receiver()
    for _ in range(2):
        assert receiver.points(receiver.take(version, (LABELS, [(at, 4.0)]))) == [("cart_items", 4.0, at)]


@VERSIONS
def test_late_and_repeated_samples_are_taken(version: int) -> None:
    receiver = Receiver()
    for at in (AT_MS, AT_MS - 60_000, AT_MS - 60_000):
        assert receiver.points(receiver.take(version, (LABELS, [(at, 1.0)]))) == [("cart_items", 1.0, at)]


@VERSIONS
@pytest.mark.parametrize("value", [STALE, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_accepted_and_makes_no_point(version: int, value: float) -> None:
    receiver = Receiver()
    for _ in range(2):
        intake = receiver.take(version, (LABELS, [(AT_MS, value)]))
        assert receiver.points(intake) == []
        assert written(intake) == [1, 0, 0]


@VERSIONS
def test_labels_may_come_in_any_order(version: int) -> None:
    receiver = Receiver()
    receiver.take(version, (LABELS, [(AT_MS, 1.0)]))
    turned = sorted(LABELS.items(), reverse=True)
    if version == 1:
        receiver.send(first_request(first_series(turned, [(AT_MS, 2.0)])))
    else:
        request = SecondRequest()
        references = [request.symbol(each) for pair in turned for each in pair]
        request.series.append(wire.numbers(1, references) + wire.text(2, sample(AT_MS, 2.0)))
        receiver.send(bytes(request), SECOND)
    assert receiver.table.keys == [ITEMS]


@VERSIONS
def test_an_empty_label_is_no_label(version: int) -> None:
    receiver = Receiver()
    receiver.take(version, (LABELS, [(AT_MS, 1.0)]), (LABELS | {"zone": ""}, [(AT_MS, 1.0)]))
    assert receiver.table.keys == [ITEMS]


def test_labels_behind_the_samples_are_labels_as_well() -> None:
    receiver = Receiver()
    usual = first_series(LABELS, [(AT_MS, 1.0)])
    labels, rest = usual[:-18], usual[-18:]
    for series in (usual, rest + labels, usual):
        receiver.send(first_request(series))
    assert receiver.table.keys == [ITEMS]
    odd = first_series({"__name__": "cart_items"}) + rest + first_series(list(LABELS.items())[1:])
    assert receiver.points(receiver.send(first_request(odd))) == [("cart_items", 1.0, AT_MS)]
    assert receiver.table.keys == [ITEMS]


def test_a_label_set_that_begins_another_is_a_series_of_its_own() -> None:
    receiver = Receiver()
    longer = LABELS | {"zone": "b"}
    receiver.take(1, (LABELS, [(AT_MS, 1.0)]))
    receiver.take(1, (longer, [(AT_MS, 2.0)]))
    intake = receiver.take(1, (longer, [(AT_MS, 0.0)]), (LABELS, [(AT_MS, 4.0)]))
    assert intake.batch.metrics.series.tolist() == [1, 0]


def test_long_labels_are_known_again() -> None:
    receiver, labels = Receiver(), LABELS | {"path": "/" * 300}
    for value in (1.0, 2.0):
        assert receiver.points(receiver.take(1, (labels, [(AT_MS, value)] * 2))) == [("cart_items", value, AT_MS)] * 2
    assert len(receiver.table) == 1


def test_references_that_are_not_packed_are_read() -> None:
    request = SecondRequest()
    loose = b"".join(wire.varint(1 << 3) + wire.varint(each) for each in request.references(LABELS))
    request.series.append(loose + wire.text(2, sample(AT_MS, 3.0)))
    receiver = Receiver()
    receiver.send(bytes(request), SECOND)
    assert receiver.table.keys == [ITEMS]


def test_symbols_may_have_other_places_in_each_request() -> None:
    receiver = Receiver()
    receiver.take(2, (LABELS, [(AT_MS, 1.0)]))
    shifted = SecondRequest()
    for filler in range(20_000):
        shifted.symbol(f"filler {filler}")
    shifted.add({"__name__": "other"}, [(AT_MS, 1.0)]).add(LABELS, [(AT_MS, 2.0)], kind=2)
    intake = receiver.send(bytes(shifted), SECOND)
    assert sorted(receiver.points(intake)) == [("cart_items", 2.0, AT_MS), ("other", 1.0, AT_MS)]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("requests_total", ("requests_total", "", Temporality.CUMULATIVE)),
        ("pg_stat_activity_count", ("pg_stat_activity_count", "", Temporality.GAUGE)),
        ("request_seconds_sum", ("request_seconds", "sum", Temporality.CUMULATIVE)),
        ("request_seconds_bucket", ("request_seconds", "bucket", Temporality.CUMULATIVE)),
        ("queue_length", ("queue_length", "", Temporality.GAUGE)),
    ],
)
@VERSIONS
def test_without_metadata_the_suffix_tells(version: int, metric: str, expected: tuple[str, str, Temporality]) -> None:
    receiver = Receiver()
    receiver.take(version, ({"__name__": metric, "job": "a"}, [(AT_MS, 1.0)]))
    (key,) = receiver.table.keys
    assert (key.metric, key.stat, key.temporality) == expected


COUNTER, GAUGE, HISTOGRAM = 1, 2, 3


@pytest.mark.parametrize(
    ("metric", "family", "kind", "expected"),
    [
        ("cpu_seconds", "cpu_seconds", COUNTER, ("cpu_seconds", "", Temporality.CUMULATIVE)),
        ("node_count", "node_count", GAUGE, ("node_count", "", Temporality.GAUGE)),
        ("calls_total", "calls", COUNTER, ("calls_total", "", Temporality.CUMULATIVE)),
        ("wait_seconds_count", "wait_seconds", HISTOGRAM, ("wait_seconds", "count", Temporality.CUMULATIVE)),
    ],
)
@VERSIONS
def test_metadata_tells_more_than_the_suffix(
    version: int, metric: str, family: str, kind: int, expected: tuple[str, str, Temporality]
) -> None:
    receiver, labels = Receiver(), {"__name__": metric, "job": "a"}
    if version == 1:
        receiver.take(1, (labels, [(AT_MS, 1.0)]))
        receiver.send(first_request(metadata={family: kind}))
        intake = receiver.take(1, (labels, [(AT_MS, 2.0)]))
    else:
        intake = receiver.send(bytes(SecondRequest().add(labels, [(AT_MS, 2.0)], kind=kind)), SECOND)
    key = receiver.table[int(intake.batch.metrics.series[0])]
    assert (key.metric, key.stat, key.temporality) == expected


def keys(receiver: Receiver) -> list[tuple[str, str, Temporality]]:
    return [(key.metric, key.stat, key.temporality) for key in receiver.table.keys]


COUNT = ("request_seconds", "count", Temporality.CUMULATIVE)
SUM = ("request_seconds", "sum", Temporality.CUMULATIVE)


@VERSIONS
def test_a_count_beside_a_sum_is_a_counter_whichever_comes_first(version: int) -> None:
    receiver = Receiver()
    count, total = ({"__name__": f"request_seconds_{part}", "job": "a"} for part in ("count", "sum"))
    receiver.take(version, (count, [(AT_MS, 1.0)]), (total, [(AT_MS, 2.0)]))
    assert keys(receiver) == [COUNT, SUM]


@VERSIONS
def test_a_count_whose_sum_comes_later_is_mended_and_no_second_series(version: int) -> None:
    receiver = Receiver()
    count, total = ({"__name__": f"request_seconds_{part}", "job": "a"} for part in ("count", "sum"))
    receiver.take(version, (count, [(AT_MS, 1.0)]))
    assert keys(receiver) == [("request_seconds_count", "", Temporality.GAUGE)]
    receiver.take(version, (total, [(AT_MS, 2.0)]))
    intake = receiver.take(version, (count, [(AT_MS + 1, 2.0)]))
    assert keys(receiver) == [COUNT, SUM]
    assert intake.batch.metrics.series.tolist() == [0]
    assert list(receiver.table.mended) == [0]


@VERSIONS
def test_metadata_that_comes_late_mends_the_series(version: int) -> None:
    receiver, labels = Receiver(), {"__name__": "work_done_total", "job": "a"}
    receiver.take(version, (labels, [(AT_MS, 1.0)]))
    if version == 1:
        receiver.send(first_request(metadata={"work_done_total": GAUGE}))
        intake = receiver.take(1, (labels, [(AT_MS + 1, 2.0)]))
    else:
        intake = receiver.send(bytes(SecondRequest().add(labels, [(AT_MS + 1, 2.0)], kind=GAUGE)), SECOND)
    assert intake.batch.metrics.series.tolist() == [0]
    assert keys(receiver) == [("work_done_total", "", Temporality.GAUGE)]


@pytest.mark.parametrize(("told", "unit"), [("seconds", "s"), ("bytes", "By"), ("parsecs", "parsecs")])
def test_a_unit_is_told_in_opentelemetrys_words(told: str, unit: str) -> None:
    receiver = Receiver()
    receiver.send(bytes(SecondRequest().add(LABELS, [(AT_MS, 2.0)], kind=GAUGE, unit=told)), SECOND)
    assert receiver.table[0].unit == unit


@pytest.mark.parametrize("where", ["sample", "series"])
def test_a_counter_that_began_lately_began_at_zero(where: str) -> None:
    receiver, request = Receiver(), SecondRequest()
    born = AT_MS - 4000
    inside, beside = (born, b"") if where == "sample" else (0, wire.number(6, born))
    fields = wire.text(2, sample(AT_MS, 7.0, inside)) + wire.text(5, wire.number(1, COUNTER)) + beside
    request.add_raw({"__name__": "calls_total", "job": "a"}, fields)
    first, again = (receiver.points(receiver.send(bytes(request), SECOND)) for _ in range(2))
    assert first == [("calls_total", 0.0, born), ("calls_total", 7.0, AT_MS)]
    assert again == [("calls_total", 7.0, AT_MS)]


@VERSIONS
def test_tenants_have_series_of_their_own(version: int) -> None:
    receiver = Receiver()
    receiver.take(version, (LABELS, [(AT_MS, 1.0)]))
    body = first_request(first_series(LABELS, [(AT_MS, 1.0)]))
    if version == 2:
        body = bytes(SecondRequest().add(LABELS, [(AT_MS, 1.0)]))
    request = write_request(body, FIRST if version == 1 else SECOND)
    other = type(request)(request.path, request.headers, request.body, "elsewhere", request.received_at)
    receiver.source.decode(other, receiver.table)
    assert [key.tenant for key in receiver.table.keys] == ["default", "elsewhere"]


def test_what_is_known_of_one_table_is_not_used_for_another() -> None:
    source = RemoteWrite()
    request = write_request(first_request(first_series(LABELS, [(AT_MS, 1.0)])))
    source.decode(request, SeriesTable([SeriesKey("default", "x", "y"), ITEMS]))
    table = SeriesTable()
    assert source.decode(request, table).batch.metrics.series.tolist() == [0]
    assert table.keys == [ITEMS]


@VERSIONS
def test_the_memory_of_label_sets_is_bounded(version: int) -> None:
    receiver = Receiver()
    receiver.source = RemoteWrite(known_limit=10)
    for number in range(50):
        labels = {"__name__": "m", "number": str(number)}
        for _ in range(2):
            intake = receiver.take(version, (labels, [(AT_MS, 1.0)]))
            assert intake.batch.metrics.series.tolist() == [number]


@VERSIONS
def test_exemplars_may_stand_alone_and_are_not_counted_as_written(version: int) -> None:
    receiver = Receiver()
    if version == 1:
        exemplar = wire.text(1, wire.text(1, "trace_id") + wire.text(2, "abc")) + wire.double(2, 1.0)
        intake = receiver.send(first_request(first_series(LABELS, more=wire.text(3, exemplar + wire.number(3, AT_MS)))))
    else:
        request = SecondRequest()
        exemplar = wire.numbers(1, request.references({"trace_id": "abc"})) + wire.double(2, 1.0)
        request.add_raw(LABELS, wire.text(4, exemplar + wire.number(3, AT_MS)))
        intake = receiver.send(bytes(request), SECOND)
    assert written(intake) == [0, 0, 0]
    assert len(intake.batch.metrics) == 0


def test_the_labels_that_name_a_service_are_an_option() -> None:
    receiver = Receiver()
    receiver.source = RemoteWrite(service_labels=("job",))
    receiver.take(1, (LABELS, [(AT_MS, 1.0)]))
    assert receiver.table[0].service == "shop"


# By Prometheus' own Go types: three counters, and a native histogram with an exemplar.
RECORDED = (
    "IgAiCF9fbmFtZV9fIg5nb19jYWxsc190b3RhbCIIaW5zdGFuY2UiCDEwLjAuMC4wIgNqb2IiBGdvdjIiB3NlcnZpY2UiBmdvY2FydCIFY2FsbHMi"
    "CDEwLjAuMC4xIggxMC4wLjAuMiIKZ29fc2Vjb25kcyIIdHJhY2VfaWQiA2FiYyIHc2Vjb25kcyoZCggBAgMEBQYHCBIHEIDQlf+8MSoECAEYCSoi"
    "CggBAgMKBQYHCBIQCQAAAAAAAPA/EIDQlf+8MSoECAEYCSoiCggBAgMLBQYHCBIQCQAAAAAAAABAEIDQlf+8MSoECAEYCSpUCgQBDAcIGjAICRkA"
    "AAAAAAA+QCAEKfyp8dJNYlA/MAJaBAgCEAJaBAgGEAFiAwQCAXiA0JX/vDEiFAoCDQ4RAAAAAAAA8D8YgNCV/7wxKgQIAyAP"
)


def test_what_prometheus_own_code_writes_is_read() -> None:
    receiver = Receiver()
    for _ in range(2):
        intake = receiver.send(base64.b64decode(RECORDED), SECOND)
        assert written(intake) == [3, 1, 0]
        calls = [value for metric, value, at in receiver.points(intake) if (metric, at) == ("go_calls_total", AT_MS)]
        assert sorted(calls) == [0, 1, 2]
    block = intake.batch.metrics
    found = {receiver.table[i]: value for i, value in zip(block.series.tolist(), block.value.tolist(), strict=True)}
    seconds = {key.stat: value for key, value in found.items() if key.metric == "go_seconds" and key.stat != "range"}
    assert seconds == {"count": 9, "sum": 30}
    assert sorted(value for key, value in found.items() if key.stat == "range") == [2, 2, 2, 3]
    assert {(key.service, key.unit) for key in found} == {("gocart", ""), ("gocart", "s")}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
LABEL_SETS = st.dictionaries(TEXT, TEXT, max_size=4).map(lambda labels: {"__name__": "m", **labels})
VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.just(0.0)
SERIES = st.lists(
    st.tuples(LABEL_SETS, st.lists(st.tuples(st.integers(631_152_000_000, 2**43), VALUES), max_size=3)), max_size=5
)


@VERSIONS
@settings(max_examples=60)
@given(requests=st.lists(SERIES, min_size=1, max_size=3))
def test_every_sample_arrives_as_it_was_sent(
    version: int, requests: list[list[tuple[dict[str, str], list[tuple[int, float]]]]]
) -> None:
    receiver = Receiver()
    for series in requests * 2:
        intake = receiver.take(version, *series)
        sent = sorted((at, value) for _, samples in series for at, value in samples)
        assert sorted((at, value) for _, value, at in receiver.points(intake)) == sent
        assert written(intake)[0] == len(sent)


@VERSIONS
def test_an_empty_request_is_taken(version: int) -> None:
    assert len(Receiver().take(version).batch) == 0


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (wire.text(1, b"") * 200_001, FIRST, "timeseries: are 200001"),
        (wire.text(1, b"") * 600_000, FIRST, "body: holds more than 400000 items"),
        (wire.text(3, b"") * 200_001, FIRST, "metadata: are 200001"),
        (wire.text(5, b"") * 800_000, SECOND, "body: holds more than 700000 items"),
        (wire.text(4, b"") * 500_001, SECOND, "symbols: are 500001"),
        (wire.text(1, wire.text(2, b"") * 2**18 + b"more"), FIRST, r"timeseries\[0\]: has 524292 bytes"),
        (wire.text(1, wire.text(2, b"") * 200_000) * 5, FIRST, "'__name__' is missing"),
        (first_request(first_series([("a", "b")] * 1001)), FIRST, r"timeseries\[0\].labels: are 1001"),
        (wire.text(5, wire.numbers(1, [0] * 2002)), SECOND, r"timeseries\[0\].labels: are 1001"),
        (wire.text(1, b"x" * 2**20)[:-1], FIRST, "body: is"),
    ],
)
def test_a_body_that_would_fill_the_memory_is_refused(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Receiver().send(body, content_type)


def test_a_large_request_is_taken() -> None:
    labels = [LABELS | {"path": "/" * 500, "number": str(number)} for number in range(3000)]
    body = first_request(*(first_series(each, [(AT_MS, 1.0)]) for each in labels))
    assert len(body) > 2**20
    assert len(Receiver().send(body).batch) == 3000
