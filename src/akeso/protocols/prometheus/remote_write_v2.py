"""Remote write 2.0: the series of a Request. https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Mask, SeriesKey
from akeso.protocols.prometheus.metadata import checked_labels, kind_of, series_key
from akeso.protocols.prometheus.reference_rows import ReferenceRows, reference_rows
from akeso.protocols.prometheus.remote_messages import second
from akeso.protocols.prometheus.series_reader import Book, SeriesReader, Written, check_labels, check_series, see_parts
from akeso.protocols.protobuf_schema import parsed

MOST_SYMBOLS = 500_000


def read_second(request: Any, book: Book) -> Written:
    """What a Request holds; series that do not fit are rejected. Raises InvalidInput for too many, or no symbols.

    References count in the request's own table of symbols. Each string has a number that stays the same from request
    to request, and the numbers of a label set, with that of its metadata's type behind them, are the bytes that it is
    known by.
    """
    series: Sequence[bytes] = list(request.timeseries)
    check_series(series)
    symbols = _Symbols.of(request.symbols, book)
    reader = SeriesReader(book)
    left = [(index, series[index]) for index in _take_known(series, symbols, reader, book)]
    if left:
        see_parts(book, symbols.strings)
    reader.take_all(left, lambda body, place: _take(body, symbols, reader, book, place))
    return reader.written()


@dataclass(frozen=True, slots=True, eq=False)
class _Symbols:
    """The strings of a request, and the lasting numbers of each."""

    strings: Sequence[str]
    numbers: NDArray[np.uint32]

    @classmethod
    def of(cls, told: Sequence[str], book: Book) -> "_Symbols":
        if len(told) > MOST_SYMBOLS:
            raise InvalidInput("symbols", f"are {len(told)}; send at most {MOST_SYMBOLS} at once")
        strings = list(told)
        if strings and strings[0]:
            raise InvalidInput("symbols[0]", "has to be empty")
        lasting = book.known.symbols
        numbers = list(map(lasting.get, strings))
        if None in numbers:
            numbers = [lasting.setdefault(each, len(lasting)) for each in strings]
        return cls(strings, np.array(numbers, np.uint32))

    def string(self, reference: int, place: str) -> str:
        if reference >= len(self.strings):
            raise InvalidInput(place, f"refers to symbol {reference} of {len(self.strings)}")
        return self.strings[reference]


def _take_known(series: Sequence[bytes], symbols: _Symbols, reader: SeriesReader, book: Book) -> list[int]:
    """Take in the series that have the common form and are known; the indices of the others."""
    if not series:
        return []
    found = reference_rows(series)
    whole, numbers = _numbers(found, symbols)
    identities = np.insert(numbers, found.bounds[1:], found.kinds).tobytes()
    bounds = (found.bounds + np.arange(len(found.bounds))) * symbols.numbers.itemsize
    find = book.known.ids.get
    ids = np.array([find(hash(identities[a:b]), -1) for a, b in pairwise(bounds.tolist())], np.int32)
    known = (ids >= 0) & whole
    reader.points.pieces.append((ids[known], found.stamps[known], found.values[known]))
    reader.samples += int(known.sum())
    left = np.ones(len(series), np.bool_)
    left[found.index[known]] = False
    return np.flatnonzero(left).tolist()


def _numbers(found: ReferenceRows, symbols: _Symbols) -> tuple[Mask, NDArray[np.uint32]]:
    """bool[n] which rows refer to pairs of symbols that there are; the lasting numbers of what all refer to, which mean
    nothing where they do not."""
    beyond = found.references >= len(symbols.strings)
    whole = np.diff(found.bounds) % 2 == 0
    if not beyond.any():
        return whole, symbols.numbers[found.references]
    rows = np.searchsorted(found.bounds, np.flatnonzero(beyond), "right") - 1
    whole[rows] = False
    if not len(symbols.numbers):
        return whole, np.zeros(len(beyond), np.uint32)
    return whole, symbols.numbers[np.where(beyond, 0, found.references)]


def _take(body: bytes, symbols: _Symbols, reader: SeriesReader, book: Book, place: str) -> None:
    message = parsed(second()["TimeSeries"], body, place)
    check_labels(len(message.labels_refs) // 2, place)
    references = list(message.labels_refs)
    if not references or len(references) % 2:
        raise InvalidInput(f"{place}.labels_refs", "are not pairs" if references else "are missing")
    if message.samples and message.histograms:
        raise InvalidInput(place, "has both samples and histograms")
    strings = [symbols.string(each, f"{place}.labels_refs") for each in references]
    try:
        _check_exemplars(message, symbols, place)
    except InvalidInput as bad:
        book.rejections.reject("", bad)
    if message.created_timestamp and message.samples and not message.samples[0].start_timestamp:
        # Where the first drafts of the version had it.
        message.samples[0].start_timestamp = message.created_timestamp
    identity = np.append(symbols.numbers[references], np.uint32(max(message.metadata.type, 0) & 0x7F)).tobytes()
    reader.take(message, identity, lambda: _key(message, strings, symbols, book, place), place)


def _check_exemplars(message: Any, symbols: _Symbols, place: str) -> None:
    for exemplar in message.exemplars:
        check_labels(len(exemplar.labels_refs) // 2, f"{place}.exemplars")
        for reference in exemplar.labels_refs:
            symbols.string(reference, f"{place}.exemplars.labels_refs")
        if len(exemplar.labels_refs) % 2:
            raise InvalidInput(f"{place}.exemplars.labels_refs", "are not pairs")


def _key(message: Any, strings: Sequence[str], symbols: _Symbols, book: Book, place: str) -> SeriesKey:
    labels = checked_labels(zip(strings[::2], strings[1::2], strict=True), place)
    reference = message.metadata.unit_ref
    unit = symbols.string(reference, f"{place}.metadata.unit_ref") if reference else ""
    shape = book.families.shape(book.tenant, labels["__name__"], kind_of(message.metadata.type))
    return series_key(book.tenant, labels, shape, unit, book.service_labels)
