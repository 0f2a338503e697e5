"""Entries of the common form are decoded by columns, and to the same as one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.loki_push import LokiPush
from akeso.protocols.loki.entry_rows import entry_rows
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.sources import request_to

NANOS = 10**9
EARLIEST = 631_152_000
SECONDS = st.integers(EARLIEST, (2**63 - 1) // NANOS - 1) | st.sampled_from([EARLIEST, 1_700_000_000])
ENTRY = st.tuples(
    SECONDS,
    st.integers(0, NANOS - 1) | st.sampled_from([0, 1, 127, 128, 2**21, 2**28]),
    st.binary(max_size=300) | st.text(max_size=20_000).map(str.encode),
    st.booleans(),
)


def entry(seconds: int, nanos: int, line: bytes, more: bool) -> bytes:
    stamp = wire.number(1, seconds) + wire.number(2, nanos)
    metadata = wire.text(3, wire.text(1, "trace_id") + wire.text(2, "ab")) if more else b""
    return wire.text(1, stamp) + wire.text(2, line) + metadata


def pushed(*entries: bytes) -> bytes:
    return wire.text(1, wire.text(1, '{app="cart"}') + b"".join(wire.text(2, each) for each in entries))


@given(st.lists(ENTRY, min_size=1, max_size=8))
def test_what_is_written_is_read(entries: list[tuple[int, int, bytes, bool]]) -> None:
    body = pushed(*(entry(*each) for each in entries))
    (block,) = LokiPush().decode(request_to("/", body, "application/x-protobuf"), SeriesTable()).batch.logs
    assert block.time.tolist() == [seconds * NANOS + nanos for seconds, nanos, _, _ in entries]
    assert block.body == tuple(line.decode("utf-8", "replace") for _, _, line, _ in entries)
    assert block.trace.tolist() == [0xAB if more else 0 for *_, more in entries]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_bytes_of_any_kind_do_no_harm(entries: list[bytes]) -> None:
    fits, times, starts = entry_rows(entries)
    assert len(fits) == len(times) == len(starts) == len(entries)
    assert all(0 < start <= len(each) for each, start, fit in zip(entries, starts, fits, strict=True) if fit)


def test_the_form_of_today_is_read_by_columns() -> None:
    fits, times, starts = entry_rows([entry(1_700_000_000, 5, b"a line", False), entry(1_700_000_000, 0, b"", False)])
    assert fits.all()
    assert (times.tolist(), starts.tolist()) == ([1_700_000_000 * NANOS + 5, 1_700_000_000 * NANOS], [12, 10])


@pytest.mark.parametrize("stamp", [wire.number(1, -1), wire.number(1, EARLIEST - 1), wire.number(1, 2**34)])
def test_an_impossible_stamp_is_refused_in_protobuf_too(stamp: bytes) -> None:
    body = pushed(wire.text(1, stamp) + wire.text(2, b"x"))
    with pytest.raises(InvalidInput, match=r"streams\[0\]\.entries\[0\]\.timestamp"):
        LokiPush().decode(request_to("/", body, "application/x-protobuf"), SeriesTable())


def test_a_second_less_some_nanoseconds_is_an_instant() -> None:
    body = pushed(wire.text(1, wire.number(1, EARLIEST + 1) + wire.number(2, -5)) + wire.text(2, b"x"))
    (block,) = LokiPush().decode(request_to("/", body, "application/x-protobuf"), SeriesTable()).batch.logs
    assert block.time.tolist() == [(EARLIEST + 1) * NANOS - 5]
