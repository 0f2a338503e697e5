"""Instants in the forms that senders write."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.protocols.instant import EARLIEST, LATEST, nanoseconds

AT = 1_795_977_206_123_456_789  # 2026-11-29T18:33:26.123456789Z
WHOLE = 1_795_977_206_000_000_000


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (1_795_977_206, WHOLE),
        (1_795_977_206_123, WHOLE + 123_000_000),
        (1_795_977_206_123_456, WHOLE + 123_456_000),
        (AT, AT),
        (str(AT), AT),
        (1_795_977_206.123456, WHOLE + 123_456_000),
        ("1795977206.123456789", AT),
        ("2026-11-29T18:33:26.123456789Z", AT),
        ("2026-11-29t18:33:26.123456789z", AT),
        ("2026-11-29 18:33:26.123456789 +0000 UTC", AT),
        ("2026-11-29T20:33:26.123456789+02:00", AT),
        ("2026-11-29T13:03:26.123456789-0530", AT),
        ("2026-11-29T20:33:26.123456789+02", AT),
        ("2026-11-29T18:33:26.123456789012Z", AT),
        ("2026-11-29 18:33:26,123", WHOLE + 123_000_000),
        ("2026-11-29T18:33:26", WHOLE),
        (" 2026-11-29T18:33:26Z\n", WHOLE),
        ("Sun, 29 Nov 2026 18:33:26 GMT", WHOLE),
        ("20261129T183326Z", WHOLE),
        ("2016-12-31T23:59:60Z", 1_483_228_799_000_000_000),
    ],
)
def test_an_instant_is_read_to_the_nanosecond_that_is_written(written: str | float, expected: int) -> None:
    assert nanoseconds(written, "at") == expected


ABSURD: list[str | float] = [0, 12, -1, 86_400, 10**19, 10**30, float("nan"), float("inf"), "", "noon", "1e400"]
ABSURD += ["0001-01-01T00:00:00Z", "1970-01-01", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z"]
ABSURD += ["2026-11-29T18:33:61Z", "2026-11-29T18:33:26.123+99:99"]


@pytest.mark.parametrize("absurd", ABSURD)
def test_an_absurd_instant_is_refused_with_its_field(absurd: str | float) -> None:
    with pytest.raises(InvalidInput) as refused:
        nanoseconds(absurd, "at")
    assert refused.value.field == "at"


@given(st.integers(EARLIEST, LATEST))
def test_whole_nanoseconds_are_kept(at: int) -> None:
    assert nanoseconds(at, "at") == nanoseconds(str(at), "at") == at


@given(st.text(max_size=40))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert EARLIEST <= nanoseconds(text, "at") <= LATEST
