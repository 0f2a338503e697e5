"""Bodies in every encoding that senders use, and bombs in each."""

import gzip
import os
import zlib
from collections.abc import Callable
from contextlib import suppress

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.protocols.decompression import ENCODINGS, LIMIT, Refused, decompressed
from akeso.testing.requests.remote_write import snapped


def quick_gzip(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def quick_zlib(body: bytes) -> bytes:
    return zlib.compress(body, 1)


def raw_deflate(body: bytes) -> bytes:
    made = zlib.compressobj(1, wbits=-15)
    return made.compress(body) + made.flush()


def zstd(body: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(body))


def framed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress(body)) or b"\xff\x06\x00\x00sNaPpY"


WAYS = pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", quick_gzip),
        ("x-gzip", quick_gzip),
        ("deflate", quick_zlib),
        ("deflate", raw_deflate),
        ("zlib", quick_zlib),
        ("ZSTD", zstd),
        ("snappy", snapped),
        ("snappy", framed),
        ("x-snappy-framed", framed),
        ("identity", bytes),
    ],
)


@WAYS
@pytest.mark.parametrize(
    "body", [b"", b"a", os.urandom(100_000), b"line\n" * 50_000], ids=["empty", "1", "noise", "text"]
)
def test_a_body_comes_out_as_it_went_in(encoding: str, compress: Callable[[bytes], bytes], body: bytes) -> None:
    assert decompressed(compress(body), encoding) == body


@WAYS
def test_a_body_may_be_as_large_as_the_limit(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    assert len(decompressed(compress(bytes(LIMIT)), encoding)) == LIMIT


@WAYS
def test_a_bomb_is_refused(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(LIMIT + 1))
    if encoding != "identity":
        with pytest.raises(Refused) as refused:
            decompressed(bomb, encoding)
        assert refused.value.status == 413


@WAYS
def test_a_body_that_is_cut_off_is_refused(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(b"line\n" * 1000)
    if encoding != "identity":
        with pytest.raises(InvalidInput):
            decompressed(whole[:-9], encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(noise=st.binary(max_size=100))
def test_noise_is_decompressed_or_refused(encoding: str, noise: bytes) -> None:
    with suppress(InvalidInput, Refused):
        assert len(decompressed(noise, encoding)) <= LIMIT


def test_other_encodings_are_told_which_there_are() -> None:
    with pytest.raises(Refused, match="zstd") as refused:
        decompressed(b"x", "lz4")
    assert refused.value.status == 415
