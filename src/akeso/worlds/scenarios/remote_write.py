"""Prometheus remote write 1.0, written: a snappy block of a WriteRequest.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import struct
from collections.abc import Iterable, Mapping

import cramjam

HEADERS: Mapping[str, str] = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
    "user-agent": "Prometheus/3.1.0",
}


def write_request(series: Iterable[tuple[Mapping[str, str], float]], at_ms: int) -> bytes:
    """One sample of each series, stamped `at_ms`. Labels hold `__name__`."""
    body = b"".join(_field(1, _series(labels, value, at_ms)) for labels, value in series)
    return bytes(cramjam.snappy.compress_raw(body))


def _series(labels: Mapping[str, str], value: float, at_ms: int) -> bytes:
    named = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, text.encode())) for name, text in sorted(labels.items())
    )
    return named + _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at_ms))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
