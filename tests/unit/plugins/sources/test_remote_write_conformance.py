"""What the specifications of remote write 1.0 and 2.0 demand of a receiver, as a table."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from akeso.domain.errors import AkesoError, InvalidInput, Overloaded, Unavailable
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.ports.source import Answer, IngestRequest
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import (
    AT_MS,
    FIRST,
    SECOND,
    SecondRequest,
    first_request,
    first_series,
    native_histogram,
    sample,
    snapped,
    write_request,
)
from akeso.testing.requests.sources import RECEIVED_AT

UP = {"__name__": "up", "job": "a"}
ONE = [(AT_MS, 1.0)]
GOOD_FIRST = first_series(UP, ONE)
HISTOGRAM = native_histogram(3, 4.5, 0, [(1, 2)], [2, -1])


@dataclass(frozen=True)
class Case:
    """status: of the answer; written: the counts in its headers, of samples, histograms and exemplars."""

    name: str
    body: bytes
    status: int
    content_type: str = FIRST
    encoding: str = "snappy"
    written: tuple[int, int, int] = (0, 0, 0)


def second(labels: dict[str, str], fields: bytes = b"") -> bytes:
    return bytes(SecondRequest().add_raw(labels, fields or wire.text(2, sample(AT_MS, 1.0))))


def beside_good(series: bytes) -> bytes:
    return first_request(GOOD_FIRST, series, GOOD_FIRST)


def raw_second(series: bytes, *symbols: str) -> bytes:
    return b"".join(wire.text(4, symbol) for symbol in symbols) + wire.text(5, series)


SAMPLE = wire.text(2, sample(AT_MS, 1.0))
EXEMPLAR = wire.double(2, 1.0) + wire.number(3, AT_MS)
GAUGE = wire.text(5, wire.number(1, 2))

TAKEN = [
    Case("1.0", first_request(GOOD_FIRST), 204, written=(1, 0, 0)),
    Case("1.0 named", first_request(GOOD_FIRST), 204, f"{FIRST};proto=prometheus.WriteRequest", written=(1, 0, 0)),
    Case("2.0", second(UP), 204, SECOND, written=(1, 0, 0)),
    Case("parameters with spaces and quotes", second(UP), 204, SECOND.replace(";proto=", ' ; Proto="') + '"', "snappy"),
    Case("encoding in capitals", first_request(GOOD_FIRST), 204, encoding="Snappy", written=(1, 0, 0)),
    Case("encoding not told", snapped(first_request(GOOD_FIRST)), 204, encoding="", written=(1, 0, 0)),
    Case("nothing", b"", 204),
    Case("metadata alone", first_request(metadata={"up": 2}), 204),
    Case("a series that says nothing", first_request(first_series(UP)), 204),
    Case("names with dots and spaces", second({"__name__": "a.b c", "x.y z": "\n"}), 204, SECOND, written=(1, 0, 0)),
    Case("a histogram", second(UP, wire.text(3, HISTOGRAM)), 204, SECOND, written=(0, 1, 0)),
    Case("a histogram in 1.0", first_request(first_series(UP, more=wire.text(4, HISTOGRAM))), 204, written=(0, 1, 0)),
    Case("an exemplar beside a sample", second(UP, SAMPLE + wire.text(4, EXEMPLAR)), 204, SECOND, written=(1, 0, 0)),
    Case("metadata beside a sample", second(UP, SAMPLE + GAUGE), 204, SECOND, written=(1, 0, 0)),
    Case("a kind nobody knows yet", second(UP, SAMPLE + wire.text(5, wire.number(1, 99))), 204, SECOND),
    Case("a field nobody knows yet", second(UP, SAMPLE + wire.text(99, b"x")), 204, SECOND, written=(1, 0, 0)),
    Case("2.0 read as 1.0 is empty", second(UP), 204, FIRST),
]
PARTIAL = [
    Case("a damaged series", beside_good(b"\x0a\x7f"), 400, written=(2, 0, 0)),
    Case("a damaged label", beside_good(wire.text(1, b"\x0a\x7f") + SAMPLE), 400, written=(2, 0, 0)),
    Case("text that is not UTF-8", beside_good(wire.text(1, wire.text(1, b"a\xff")) + SAMPLE), 400, written=(2, 0, 0)),
    Case("no labels", beside_good(SAMPLE), 400, written=(2, 0, 0)),
    Case("no metric name", beside_good(first_series({"job": "a"}, ONE)), 400, written=(2, 0, 0)),
    Case("an empty metric name", beside_good(first_series({"__name__": ""}, ONE)), 400, written=(2, 0, 0)),
    Case("a label without name", beside_good(first_series({**UP, "": "x"}, ONE)), 400, written=(2, 0, 0)),
    Case("a label twice", beside_good(first_series([*UP.items(), ("job", "b")], ONE)), 400, written=(2, 0, 0)),
    Case("a time before 1970", beside_good(first_series(UP, [(-1, 1.0)])), 400, written=(2, 0, 0)),
    Case("a time after 2262", beside_good(first_series(UP, [(2**62, 1.0)])), 400, written=(2, 0, 0)),
    Case(
        "no metric name, 2.0",
        bytes(SecondRequest().add(UP, ONE).add({"job": "a"}, ONE)),
        400,
        SECOND,
        written=(1, 0, 0),
    ),
    Case(
        "an exemplar without symbols",
        second(UP, SAMPLE + wire.text(4, wire.numbers(1, [1, 99]))),
        400,
        SECOND,
        written=(1, 0, 0),
    ),
]
REFUSED = [
    Case("JSON", b"{}", 415, "application/json"),
    Case("a picture", b"", 415, "image/png"),
    Case("a message nobody knows", b"", 415, f"{FIRST};proto=io.prometheus.write.v3.Request"),
    Case("gzip", first_request(GOOD_FIRST), 415, encoding="gzip"),
    Case("zstd", first_request(GOOD_FIRST), 415, encoding="zstd"),
    Case("no protobuf", b"\xff\xff", 400),
    Case("no protobuf, 2.0", b"\xff\xff", 400, SECOND),
    Case("no labels, 2.0", bytes(SecondRequest().add({}, ONE)), 400, SECOND),
    Case("a reference without a partner", raw_second(wire.numbers(1, [1, 2, 1]) + SAMPLE, "", "a", "b"), 400, SECOND),
    Case("a reference beyond the symbols", raw_second(wire.numbers(1, [1, 3]) + SAMPLE, "", "a", "b"), 400, SECOND),
    Case("a reference without symbols", raw_second(wire.numbers(1, [0, 0]) + SAMPLE), 400, SECOND),
    Case(
        "a reference of six bytes", raw_second(wire.text(1, b"\x81\x80\x80\x80\x80\x01" * 2) + SAMPLE, ""), 400, SECOND
    ),
    Case("symbols that do not begin empty", raw_second(wire.numbers(1, [0, 1]) + SAMPLE, "__name__", "a"), 400, SECOND),
    Case("samples and histograms", second(UP, SAMPLE + wire.text(3, HISTOGRAM)), 400, SECOND),
    Case("a unit beyond the symbols", second(UP, SAMPLE + wire.text(5, wire.number(4, 99))), 400, SECOND),
    Case("exemplar labels beyond the symbols", second(UP, wire.text(4, wire.numbers(1, [1, 99]))), 400, SECOND),
    Case("an odd exemplar label", second(UP, wire.text(4, wire.numbers(1, [1]))), 400, SECOND),
    Case(
        "a histogram that does not add up",
        second(UP, wire.text(3, native_histogram(9, 4.5, 0, [(1, 1)], [2]))),
        400,
        SECOND,
    ),
    Case("no snappy", b"\xff" * 9, 400, encoding=""),
    Case("snappy's framed format", b"\xff\x06\x00\x00sNaPpY", 400, encoding=""),
    Case("a bomb", wire.varint(2**31), 413, encoding=""),
]


def asked(case: Case) -> IngestRequest:
    return write_request(case.body, case.content_type, case.encoding)


def written(answer: Answer) -> tuple[int, ...]:
    return tuple(
        int(answer.headers[f"X-Prometheus-Remote-Write-{what}-Written"])
        for what in ("Samples", "Histograms", "Exemplars")
    )


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_what_is_valid_is_taken_and_counted(case: Case) -> None:
    intake = RemoteWrite().decode(asked(case), SeriesTable())
    assert (intake.answer.status, intake.answer.body) == (case.status, b"")
    assert sum(case.written) == 0 or written(intake.answer) == case.written


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_is_not_is_refused_as_a_whole(case: Case) -> None:
    source = RemoteWrite()
    with pytest.raises(InvalidInput) as refused:
        source.decode(asked(case), SeriesTable())
    answer = source.refuse(asked(case), refused.value, 422)
    assert answer.status == case.status
    assert answer.content_type.startswith("text/plain")
    assert refused.value.reason.encode() in answer.body
    assert written(answer) == (0, 0, 0)


@pytest.mark.parametrize("case", PARTIAL, ids=lambda case: case.name)
def test_what_is_good_beside_it_is_kept_and_counted(case: Case) -> None:
    intake = RemoteWrite().decode(asked(case), SeriesTable())
    assert intake.answer.status == case.status
    assert written(intake.answer) == case.written
    assert len(intake.batch) == sum(case.written)
    assert str(intake.rejected[0]).encode() in intake.answer.body


def test_a_series_that_does_not_hold_together_is_named() -> None:
    intake = RemoteWrite().decode(write_request(beside_good(first_series({"job": "a"}, ONE))), SeriesTable())
    assert intake.answer.body == b"timeseries[1].labels: '__name__' is missing"


def test_known_series_do_not_hide_a_bad_one() -> None:
    source, table = RemoteWrite(), SeriesTable()
    for _ in range(2):
        source.decode(write_request(second(UP), SECOND), table)
    beyond = raw_second(wire.numbers(1, [1, 3]) + SAMPLE, "", "a", "b") + wire.text(5, wire.numbers(1, [1, 2]) + SAMPLE)
    with pytest.raises(InvalidInput, match=r"timeseries\[0\]\.labels_refs: refers to symbol 3 of 3"):
        source.decode(write_request(beyond, SECOND), table)
    (symbols, series) = (b"".join(wire.text(4, each) for each in ("", "__name__", "up", "job", "a")), SAMPLE)
    mixed = (
        symbols + wire.text(5, wire.numbers(1, [1, 9]) + series) + wire.text(5, wire.numbers(1, [1, 2, 3, 4]) + series)
    )
    intake = source.decode(write_request(mixed, SECOND), table)
    assert (len(intake.batch), intake.answer.status) == (1, 400)
    assert intake.answer.body == b"timeseries[0].labels_refs: refers to symbol 9 of 5"


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (Overloaded("full", timedelta(seconds=1)), 429, 429),
        (Unavailable("no disk"), 503, 503),
        (InvalidInput("body", "is too large"), 413, 413),
        (AkesoError("defect"), 500, 500),
    ],
)
def test_what_may_be_sent_again_is_told_apart(error: AkesoError, status: int, expected: int) -> None:
    request = IngestRequest("/api/v1/write", {"content-type": SECOND}, b"", "default", RECEIVED_AT)
    answer = RemoteWrite().refuse(request, error, status)
    assert (answer.status, answer.body) == (expected, str(error).encode())
