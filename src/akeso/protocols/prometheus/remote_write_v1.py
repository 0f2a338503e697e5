"""Remote write 1.0: the series of a WriteRequest. https://prometheus.io/docs/specs/prw/remote_write_spec/"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from akeso.domain.telemetry.batches import SeriesKey
from akeso.protocols.prometheus.metadata import checked_labels, series_key
from akeso.protocols.prometheus.remote_messages import first
from akeso.protocols.prometheus.sample_rows import LONG, SHORT, rows, tails
from akeso.protocols.prometheus.series_reader import (
    Book,
    SeriesReader,
    Written,
    check_labels,
    check_series,
    see_parts,
)
from akeso.protocols.protobuf_schema import parsed

# A label `__name__` and the length of its value.
_NAME = re.compile(rb"\x0a\x08__name__\x12(.)", re.DOTALL)


def read_first(request: Any, book: Book) -> Written:
    """What a WriteRequest holds; series that do not fit are rejected. Raises InvalidInput for too many.

    A series is its labels and, nearly always, one sample behind them. If the bytes before the last 18 or 9 are a label
    set that was read before, and the rest is a sample, then nothing else can be in it.
    """
    series: Sequence[bytes] = list(request.timeseries)
    check_series(series)
    reader = SeriesReader(book)
    left = [(index, series[index]) for index in _take_known(series, reader, book)]
    see_parts(book, (_metric(body) for _, body in left))
    reader.take_all(left, lambda body, place: _take(body, reader, book, place))
    return reader.written()


def _take_known(series: Sequence[bytes], reader: SeriesReader, book: Book) -> list[int]:
    """Take in the series that are known; the indices of the others."""
    find = book.known.ids.get
    ids = np.full(len(series), -1, np.int32)
    stamps, values = np.zeros(len(series), np.int64), np.zeros(len(series))
    text, lengths = b"".join(series), np.array(list(map(len, series)), np.int64)
    ends = lengths.cumsum()
    for width in (LONG, SHORT):
        asked = np.flatnonzero((ids < 0) & (lengths > width))
        fits, value, stamp = rows(tails(text, ends[asked], width), width)
        asked = asked[fits]
        some = series if len(asked) == len(series) else [series[index] for index in asked.tolist()]
        found = np.array([find(hash(each[:-width]), -1) for each in some], np.int32)
        ids[asked], stamps[asked], values[asked] = found, stamp[fits], value[fits]
    known = ids >= 0
    reader.points.pieces.append((ids[known], stamps[known], values[known]))
    reader.samples += int(known.sum())
    return np.flatnonzero(~known).tolist()


def _metric(body: bytes) -> str:
    """The metric of a series, "" where its name does not stand as senders write it."""
    found = _NAME.search(body)
    return body[found.end() : found.end() + found[1][0]].decode("utf-8", "replace") if found else ""


def _take(body: bytes, reader: SeriesReader, book: Book, place: str) -> None:
    message = parsed(first()["TimeSeries"], body, place)
    check_labels(len(message.labels), place)
    identity = _identity(body, message.labels, book)
    reader.take(message, identity, lambda: _key(identity, book, place), place)


def _identity(body: bytes, labels: Sequence[bytes], book: Book) -> bytes:
    """The labels as every sender writes them at the beginning of a series, wherever they stood in this one."""
    lengths = list(map(len, labels))
    beginning = body[: sum(lengths) + 2 * len(lengths)]
    if hash(beginning) in book.known.ids:
        return beginning  # a whole label set, and as long as all labels are together
    return b"".join([part for label in labels for part in (b"\x0a", _varint(len(label)), label)])


def _varint(value: int) -> bytes:
    return bytes((value,)) if value < 0x80 else bytes((value & 0x7F | 0x80,)) + _varint(value >> 7)


def _key(identity: bytes, book: Book, place: str) -> SeriesKey:
    pairs = parsed(first()["Labels"], identity, f"{place}.labels").labels
    labels = checked_labels(((pair.name, pair.value) for pair in pairs), place)
    shape = book.families.shape(book.tenant, labels["__name__"])
    return series_key(book.tenant, labels, shape, "", book.service_labels)
