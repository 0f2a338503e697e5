"""Telemetry batches as bytes that stand for themselves: for the store and for buses that leave the process.

Layout: version (1 byte), length of the body (4 bytes, little-endian), CRC-32 of the compressed body (4 bytes), then
the body: MessagePack compressed with zstd. Columns are little-endian arrays; series stand as keys, not as ids.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from typing import Any

import cramjam
import msgspec
import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import InvalidInput
from akeso.domain.estate.access import UNTOLD
from akeso.domain.telemetry.batches import (
    Attributes,
    Change,
    Ids,
    LogBlock,
    MetricBlock,
    SeriesKey,
    SpanBlock,
    TelemetryBatch,
    Temporality,
)
from akeso.domain.telemetry.series import SeriesTable

VERSION = 1
LARGEST = 2**28
_HEADER = struct.Struct("<BII")
_LEVEL = 1  # of zstd; higher ones cost more time than they save space on float columns


class _Key(msgspec.Struct, array_like=True, frozen=True):
    tenant: str
    service: str
    metric: str
    attributes: Attributes
    unit: str
    temporality: Temporality
    stat: str


class _Metrics(msgspec.Struct, array_like=True, frozen=True):
    keys: msgspec.Raw  # an array of _Key
    series: bytes
    time: bytes
    value: bytes


class _Logs(msgspec.Struct, array_like=True, frozen=True):
    service: str
    time: bytes
    severity: bytes
    body: tuple[str, ...]
    trace: bytes
    attributes: Attributes
    span: bytes = b""  # not there in what was written before spans were kept


class _Spans(msgspec.Struct, array_like=True, frozen=True):
    service: str
    operations: tuple[str, ...]
    peers: tuple[str, ...]
    columns: tuple[bytes, ...]  # in the order of _SPAN_COLUMNS
    link: bytes = b""  # not there in what was written before links were kept


class _Change(msgspec.Struct, array_like=True, frozen=True):
    service: str
    kind: str
    version: str
    at: datetime
    by: str
    url: str
    labels: Attributes


class _Batch(msgspec.Struct, array_like=True, frozen=True):
    tenant: str
    received_at: int
    metrics: _Metrics
    logs: tuple[_Logs, ...]
    spans: tuple[_Spans, ...]
    changes: tuple[_Change, ...]
    author: str = UNTOLD


_SPAN_COLUMNS = {
    "trace": "<u8",
    "span": "<u8",
    "parent": "<u8",
    "operation": "<i4",
    "peer": "<i4",
    "kind": "<u1",
    "start": "<i8",
    "duration": "<i8",
    "error": "|b1",
}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Batch)
_keys_decoder = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])
_key_decoder = msgspec.msgpack.Decoder(_Key)


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Spares a series that was met before the work of being encoded or interned again. For one table, as long as that
    lives. heads, tails: what a series is encoded to, by id, in two parts that it shares with others, None where it was
    not met; parts: all of them; mended: series that were forgotten. ids: what has an id, by its hash (see
    akeso.protocols.known_series)."""

    heads: list[bytes | None] = field(default_factory=list)
    tails: list[bytes | None] = field(default_factory=list)
    parts: dict[bytes, bytes] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)
    mended: list[int] = field(default_factory=list)

    def forget(self, mended: Sequence[int]) -> None:
        """What series that were mended were encoded to. mended: of the table."""
        for index in mended[len(self.mended) :]:
            self.mended.append(index)
            if index < len(self.heads):
                self.heads[index] = self.tails[index] = None


def encode(batch: TelemetryBatch, table: SeriesTable, known: KnownKeys | None = None) -> bytes:
    """The batch as bytes; `table` is the one its series are interned in."""
    return sealed(packed(batch, table, known))


def packed(batch: TelemetryBatch, table: SeriesTable, known: KnownKeys | None = None) -> bytes:
    """The batch as bytes that `sealed` makes whole: what needs the table and what takes time are apart."""
    known = known or KnownKeys()
    return _encoder.encode(
        _Batch(
            batch.tenant,
            batch.received_at,
            _metrics(batch.metrics, table, known),
            tuple(map(_logs, batch.logs)),
            tuple(map(_spans, batch.spans)),
            tuple(_Change(c.service, c.kind, c.version, c.at, c.by, c.url, c.labels) for c in batch.changes),
            batch.author,
        )
    )


def sealed(plain: bytes) -> bytes:
    """What `packed` made, compressed and with the header that tells whether it is whole. Holds no interpreter lock."""
    body = bytes(cramjam.zstd.compress(plain, level=_LEVEL))
    return _HEADER.pack(VERSION, len(plain), zlib.crc32(body)) + body


def decode(data: bytes, table: SeriesTable, known: KnownKeys | None = None) -> TelemetryBatch:
    """The batch, its series interned in `table`. Raises InvalidInput when the bytes are not what `encode` made."""
    known = known or KnownKeys()
    try:
        found = _decoder.decode(_unpacked(data))
        return TelemetryBatch(
            found.tenant,
            found.received_at,
            _metric_block(found.metrics, table, known),
            tuple(map(_log_block, found.logs)),
            tuple(map(_span_block, found.spans)),
            tuple(Change(c.service, c.kind, c.version, c.at, c.by, c.url, c.labels) for c in found.changes),
            found.author,
        )
    except (ValueError, cramjam.DecompressionError, struct.error) as bad:  # msgspec's and NumPy's are ValueErrors
        raise InvalidInput("batch", f"is corrupt: {bad}") from bad


def _unpacked(data: bytes) -> bytes:
    version, length, checksum = _HEADER.unpack_from(data)
    if version != VERSION:
        raise InvalidInput("batch.version", f"{version} is not understood; there is {VERSION}")
    body = data[_HEADER.size :]
    if length > LARGEST or zlib.crc32(body) != checksum:
        raise InvalidInput("batch", "is corrupt: length or checksum")
    plain = bytearray(length)
    if cramjam.zstd.decompress_into(body, plain) != length:
        raise InvalidInput("batch", "is corrupt: shorter than it says")
    return bytes(plain)


def _bytes(column: NDArray[Any], kind: str) -> bytes:
    return column.astype(kind, copy=False).tobytes()


def _column(data: bytes, kind: str, length: int) -> NDArray[Any]:
    column = np.frombuffer(data, kind)
    if len(column) != length:
        raise ValueError(f"a column of {len(column)} rows among {length}")
    return column.astype(column.dtype.newbyteorder("="), copy=False)


def _index(data: bytes, length: int, limit: int) -> NDArray[np.int32]:
    column = _column(data, "<i4", length)
    if length and not 0 <= int(column.min()) <= int(column.max()) < limit:
        raise ValueError("an index beyond its names")
    return column


def _metrics(block: MetricBlock, table: SeriesTable, known: KnownKeys) -> _Metrics:
    ids, index = _distinct(block.series)
    return _Metrics(
        _encoded(ids, table, known),
        _bytes(index, "<i4"),
        _bytes(block.time, "<i8"),
        _bytes(block.value, "<f8"),
    )


def _distinct(series: Ids) -> tuple[Ids, NDArray[np.intp]]:
    """The different ids, and which of them each one is; in no order, since nothing has to be sorted for it."""
    if not len(series):
        return series, np.empty(0, np.intp)
    place = np.empty(int(series.max()) + 1, np.intp)
    place[series] = np.arange(len(series))  # of several places of an id one wins, whichever
    chosen = place[series]
    first = chosen == np.arange(len(series))
    return series[first], (first.cumsum() - 1)[chosen]


def _encoded(ids: Ids, table: SeriesTable, known: KnownKeys) -> msgspec.Raw:
    more = len(table) - len(known.heads)
    known.heads.extend(repeat(None, more))
    known.tails.extend(repeat(None, more))
    known.forget(table.mended)
    wanted = ids.tolist()
    heads: list[Any] = list(map(known.heads.__getitem__, wanted))
    if None in heads:
        for index in wanted:
            _learn_encoded(index, table, known)
        heads = list(map(known.heads.__getitem__, wanted))
    parts: list[Any] = [_array(len(wanted))] * (2 * len(wanted) + 1)
    parts[1::2], parts[2::2] = heads, [known.tails[index] for index in wanted]
    return msgspec.Raw(b"".join(parts))


def _learn_encoded(index: int, table: SeriesTable, known: KnownKeys) -> None:
    key = table[index]
    plain = _Key(key.tenant, key.service, key.metric, key.attributes, key.unit, key.temporality, key.stat)
    whole = _encoder.encode(plain)
    # An array is a byte that tells its length and its elements one after the other.
    tail = _encoder.encode((key.attributes, key.unit, key.temporality, key.stat))[1:]
    head = whole[: -len(tail)]
    known.heads[index], known.tails[index] = known.parts.setdefault(head, head), known.parts.setdefault(tail, tail)


def _array(length: int) -> bytes:
    return struct.pack(">BI", 0xDD, length) if length > 0xFFFF else struct.pack(">BH", 0xDC, length)


def _metric_block(found: _Metrics, table: SeriesTable, known: KnownKeys) -> MetricBlock:
    length = len(found.value) // 8
    keys = _keys_decoder.decode(found.keys)
    index = _index(found.series, length, len(keys))
    time, value = _column(found.time, "<i8", length), _column(found.value, "<f8", length)
    ids = [_intern(bytes(key), table, known) for key in keys]
    return MetricBlock(np.array(ids, np.int32)[index], time, value)


def _intern(encoded: bytes, table: SeriesTable, known: KnownKeys) -> int:
    place = hash(encoded)
    found = known.ids.get(place)
    if found is None:
        k = _key_decoder.decode(encoded)
        key = SeriesKey(k.tenant, k.service, k.metric, k.attributes, k.unit, k.temporality, k.stat)
        found = known.ids[place] = table.intern(key)
    return found


def _logs(block: LogBlock) -> _Logs:
    return _Logs(
        block.service,
        _bytes(block.time, "<i8"),
        _bytes(block.severity, "<u1"),
        block.body,
        _bytes(block.trace, "<u8"),
        block.attributes,
        _bytes(block.span, "<u8"),
    )


def _log_block(found: _Logs) -> LogBlock:
    length = len(found.body)
    return LogBlock(
        found.service,
        _column(found.time, "<i8", length),
        _column(found.severity, "<u1", length),
        found.body,
        _column(found.trace, "<u8", length),
        found.attributes,
        _column(found.span, "<u8", length if found.span else 0),
    )


def _spans(block: SpanBlock) -> _Spans:
    columns = tuple(_bytes(getattr(block, name), kind) for name, kind in _SPAN_COLUMNS.items())
    return _Spans(block.service, block.operations, block.peers, columns, _bytes(block.link, "<u8"))


def _span_block(found: _Spans) -> SpanBlock:
    data = dict(zip(_SPAN_COLUMNS, found.columns, strict=True))
    length = len(data["kind"])
    columns = {name: _column(data[name], kind, length) for name, kind in _SPAN_COLUMNS.items()}
    columns["operation"] = _index(data["operation"], length, len(found.operations))
    columns["peer"] = _index(data["peer"], length, len(found.peers))
    link = _column(found.link, "<u8", length if found.link else 0)
    return SpanBlock(found.service, found.operations, found.peers, **columns, link=link)
