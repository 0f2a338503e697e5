"""Blocks of snappy are decompressed, and bombs are not."""

import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.protocols.snappy import TooLarge, unsnap
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import snapped


@given(st.binary(max_size=500))
def test_a_block_holds_what_was_put_into_it(body: bytes) -> None:
    assert unsnap(snapped(body)) == body


def test_a_block_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert len(unsnap(snapped(bytes(1000)), 1000)) == 1000
    with pytest.raises(TooLarge):
        unsnap(snapped(bytes(1001)), 1000)


def test_a_bomb_is_refused_by_what_it_says() -> None:
    bomb = wire.varint(2**32 - 1) + os.urandom(100)
    with pytest.raises(TooLarge, match="larger than 1000 bytes"):
        unsnap(bomb, 1000)


def test_a_block_that_lies_about_its_length_is_refused() -> None:
    for lie in (1, 3999, 4001):
        with pytest.raises(InvalidInput, match="cannot be decompressed"):
            unsnap(wire.varint(lie) + snapped(bytes(4000))[2:])


@pytest.mark.parametrize("body", [b"", b"\xff" * 20, b"\xff\xff\xff\xff\xff\x01"])
def test_what_is_no_block_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a block of snappy"):
        unsnap(body)


def test_the_framed_format_is_named() -> None:
    with pytest.raises(InvalidInput, match="framed format"):
        unsnap(b"\xff\x06\x00\x00sNaPpY\x00\x00")


@given(st.binary(max_size=100))
def test_noise_is_decompressed_or_refused(noise: bytes) -> None:
    with suppress(InvalidInput):
        assert len(unsnap(noise, 10_000)) <= 10_000
