"""Requests of Prometheus remote write as senders build them."""

import struct
from collections.abc import Iterable, Mapping, Sequence

import cramjam

from akeso.ports.source import IngestRequest
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.sources import RECEIVED_AT

AT_MS = 1_700_000_000_000
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0002))[0]
FIRST = "application/x-protobuf"
SECOND = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

Samples = Iterable[tuple[int, float]]


def sample(at_ms: int, value: float, start_ms: int = 0) -> bytes:
    return wire.double(1, value) + wire.number(2, at_ms) + wire.number(3, start_ms)


def native_histogram(
    count: int, total: float, schema: int, spans: Sequence[tuple[int, int]], deltas: Sequence[int], more: bytes = b""
) -> bytes:
    """An integer histogram with positive buckets, at AT_MS. more: further fields."""
    return (
        wire.number(1, count)
        + wire.double(3, total)
        + wire.number(4, wire.zigzag(schema))
        + more
        + b"".join(wire.text(11, wire.number(1, wire.zigzag(gap)) + wire.number(2, length)) for gap, length in spans)
        + wire.numbers(12, map(wire.zigzag, deltas))
        + wire.number(15, AT_MS)
    )


def first_series(
    labels: Mapping[str, str] | Sequence[tuple[str, str]], samples: Samples = (), more: bytes = b""
) -> bytes:
    """A TimeSeries of version 1. more: exemplars (3) and histograms (4)."""
    pairs = sorted(labels.items()) if isinstance(labels, Mapping) else labels
    written = b"".join(wire.text(1, wire.text(1, name) + wire.text(2, value)) for name, value in pairs)
    return written + b"".join(wire.text(2, sample(at, value)) for at, value in samples) + more


def first_request(*series: bytes, metadata: Mapping[str, int] | None = None) -> bytes:
    """A WriteRequest. metadata: the type by family."""
    told = [wire.text(3, wire.number(1, kind) + wire.text(2, family)) for family, kind in (metadata or {}).items()]
    return b"".join(wire.text(1, each) for each in series) + b"".join(told)


class SecondRequest:
    """A Request of version 2 that grows."""

    def __init__(self) -> None:
        self.symbols: dict[str, int] = {"": 0}
        self.series: list[bytes] = []

    def add(self, labels: Mapping[str, str], samples: Samples = (), kind: int = 0, unit: str = "") -> "SecondRequest":
        """A series with metadata, if there is any."""
        metadata = wire.number(1, kind) + wire.number(4, self.symbol(unit))
        written = b"".join(wire.text(2, sample(at, value)) for at, value in samples)
        return self.add_raw(labels, written + (wire.text(5, metadata) if metadata else b""))

    def add_raw(self, labels: Mapping[str, str], fields: bytes) -> "SecondRequest":
        """A series whose other fields are written already."""
        self.series.append(wire.numbers(1, self.references(labels)) + fields)
        return self

    def references(self, labels: Mapping[str, str]) -> list[int]:
        return [self.symbol(each) for pair in sorted(labels.items()) for each in pair]

    def symbol(self, text: str) -> int:
        return self.symbols.setdefault(text, len(self.symbols))

    def __bytes__(self) -> bytes:
        symbols = b"".join(wire.text(4, symbol) for symbol in self.symbols)
        return symbols + b"".join(wire.text(5, each) for each in self.series)


def snapped(body: bytes) -> bytes:
    """Compressed as remote write and Loki's push demand."""
    return bytes(cramjam.snappy.compress_raw(body))


def write_request(body: bytes, content_type: str = FIRST, encoding: str = "snappy") -> IngestRequest:
    """A request whose body was decompressed on arrival."""
    headers = {"content-type": content_type, "content-encoding": encoding}
    return IngestRequest("/api/v1/write", headers, body, "default", RECEIVED_AT)
