import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.adapters.telemetry.codec import KnownKeys, decode, encode
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import LogBlock, MetricBlock, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.telemetry import same_batch, sample_batch

TEXT = st.text(max_size=20)
NS = st.integers(0, 2**63 - 1)
KEYS = st.builds(
    SeriesKey,
    st.just("t"),
    TEXT,
    TEXT,
    st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    TEXT,
    st.sampled_from(Temporality),
    TEXT,
)


@st.composite
def batches(draw: st.DrawFn, table: SeriesTable) -> TelemetryBatch:
    points = draw(st.lists(st.tuples(KEYS, NS, st.floats()), max_size=8))
    records = draw(st.lists(st.tuples(NS, st.integers(0, 24), TEXT, st.integers(0, 2**64 - 1)), max_size=4))
    metrics = MetricBlock(
        table.intern_all(key for key, _, _ in points),
        np.array([time for _, time, _ in points], np.int64),
        np.array([value for _, _, value in points], np.float64),
    )
    logs = LogBlock(
        draw(TEXT),
        np.array([r[0] for r in records], np.int64),
        np.array([r[1] for r in records], np.uint8),
        tuple(r[2] for r in records),
        np.array([r[3] for r in records], np.uint64),
    )
    return TelemetryBatch("t", draw(NS), metrics, (logs,))


@settings(max_examples=40)
@given(st.data())
def test_a_decoded_batch_says_what_the_encoded_one_said(data: st.DataObject) -> None:
    table, fresh = SeriesTable(), SeriesTable()
    batch = data.draw(batches(table))
    assert same_batch(batch, table, decode(encode(batch, table), fresh), fresh)


def test_a_batch_with_everything_survives_the_round_trip() -> None:
    table, fresh = SeriesTable(), SeriesTable([SeriesKey("t", "a", "b")])
    batch = sample_batch(table, 1_700_000_000_000_000_000)
    found = decode(encode(batch, table), fresh)
    assert same_batch(batch, table, found, fresh)
    assert len(found) == len(batch) == 8


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_as_invalid(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(data, SeriesTable())


@given(st.data())
def test_one_flipped_byte_anywhere_is_noticed(data: st.DataObject) -> None:
    table = SeriesTable()
    body = bytearray(encode(sample_batch(table), table))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidInput):
        decode(bytes(body), SeriesTable())


@given(st.integers(0, 400))
def test_a_batch_that_was_cut_off_is_refused(length: int) -> None:
    table = SeriesTable()
    body = encode(sample_batch(table), table)
    with pytest.raises(InvalidInput):
        decode(body[: min(length, len(body) - 1)], SeriesTable())


def test_an_unknown_version_is_named() -> None:
    table = SeriesTable()
    body = encode(sample_batch(table), table)
    with pytest.raises(InvalidInput, match=r"batch\.version: 9"):
        decode(b"\x09" + body[1:], SeriesTable())


def test_a_mended_series_is_written_as_what_it_is() -> None:
    table, known, fresh = SeriesTable(), KnownKeys(), SeriesTable()
    level = SeriesKey("t", "cart", "jobs_total")
    counter = SeriesKey("t", "cart", "jobs_total", temporality=Temporality.CUMULATIVE)
    block = MetricBlock(np.array([table.intern(level)], np.int32), np.array([1]), np.array([1.0]))
    encode(TelemetryBatch("t", 0, block), table, known)
    table.mend(0, counter)
    decode(encode(TelemetryBatch("t", 0, block), table, known), fresh)
    assert list(fresh.keys) == [counter]
    assert table.find(level) == table.find(counter) == 0
