"""Time series of remote write, one by one: what both versions do with a series that the quick way did not take."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import MetricBlock, SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.protocols.instant import IMPOSSIBLE
from akeso.protocols.known_series import Known
from akeso.protocols.points import EARLIEST_MS, LATEST_MS, Points
from akeso.protocols.prometheus.exposition import intern_mended
from akeso.protocols.prometheus.metadata import Families
from akeso.protocols.prometheus.native_histogram import Part, histogram_parts, part_key
from akeso.protocols.rejections import Rejections

MOST_SERIES = 200_000
MOST_LABELS = 1_000
LARGEST_SERIES = 2**19
MOST_SAMPLES = 1_000_000
# A counter that began this long before its first sample began in what is still looked at.
_RECENT_MS = 60_000

Describe: TypeAlias = Callable[[], SeriesKey]


@dataclass(frozen=True, slots=True)
class Book:
    """Where series are found or made. service_labels: the labels that may name the service; rejections: what is not
    taken."""

    tenant: str
    table: SeriesTable
    known: Known
    families: Families
    service_labels: tuple[str, ...]
    rejections: Rejections


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What a request held: its points, and how many samples and histograms they were."""

    block: MetricBlock
    samples: int
    histograms: int


class SeriesReader:
    """Collects the points of one request. In messages of series, both versions call alike what is alike."""

    def __init__(self, book: Book) -> None:
        self.points = Points()
        self.samples = self.histograms = 0
        self._book, self._known = book, book.known

    def written(self) -> Written:
        """Everything that was taken. Samples with an impossible time are rejected under the name of their metric."""
        block, late = self.points.block()
        for series, count in zip(*np.unique(late, return_counts=True), strict=True):
            impossible = InvalidInput("timestamp", IMPOSSIBLE)
            self._book.rejections.reject(self._book.table[int(series)].metric, impossible, int(count))
        return Written(block, self.samples - len(late), self.histograms)

    def take_all(self, series: Iterable[tuple[int, bytes]], read: Callable[[bytes, str], None]) -> None:
        """`read` these series, each behind its index in the request; those for which it raises InvalidInput are
        rejected."""
        for index, body in series:
            place = f"timeseries[{index}]"
            try:
                if len(body) > LARGEST_SERIES:
                    _refuse_length(body)
                read(body, place)
            except InvalidInput as bad:
                self._reject(place, bad)

    def take(self, message: Any, identity: bytes, describe: Describe, place: str) -> None:
        """Take in a TimeSeries. identity: stands for its labels; describe: tells their key, raises InvalidInput when
        they do not hold together, and is called only for what is not known yet."""
        samples, histograms = message.samples, message.histograms
        if message.exemplars:
            self._book.rejections.omit("exemplars", len(message.exemplars))
        if self.samples + self.histograms + len(samples) + len(histograms) > MOST_SAMPLES:
            raise InvalidInput("timeseries", f"hold more than {MOST_SAMPLES} samples")
        if samples:
            series = self._series(identity, describe, samples[0])
            for sample in samples:
                self.points.add(series, sample.timestamp, sample.value)
            self.samples += len(samples)
        elif hash(identity) not in self._known.ids:
            describe()
        for point in histograms:
            try:
                self._histogram(point, identity, describe, place)
            except InvalidInput as bad:
                self._reject(place, bad)

    def _reject(self, place: str, bad: InvalidInput) -> None:
        within = bad.field.removeprefix(place).removeprefix(".")
        self._book.rejections.reject(place, InvalidInput(within, bad.reason))

    def _series(self, identity: bytes, describe: Describe, sample: Any) -> int:
        mark = hash(identity)
        found = self._known.ids.get(mark)
        if found is None:
            before = len(self._book.table)
            key = describe()
            found = self._known.ids[mark] = intern_mended(self._book.table, key)
            if found == before and key.temporality is Temporality.CUMULATIVE:
                self._begin(found, sample)
        return found

    def _begin(self, series: int, sample: Any) -> None:
        """A counter that began lately began at zero, so its first value is growth."""
        if 0 < sample.timestamp - sample.start_timestamp < _RECENT_MS:
            self.points.add(series, sample.start_timestamp, 0.0)

    def _histogram(self, point: Any, identity: bytes, describe: Describe, place: str) -> None:
        known, mark = self._known.parts, hash(identity)
        if not EARLIEST_MS <= point.timestamp <= LATEST_MS:
            raise InvalidInput(f"{place}.histograms.timestamp", IMPOSSIBLE)
        for part, value in list(histogram_parts(point, f"{place}.histograms")):
            series = known.get((mark, part))
            if series is None:
                series = known[mark, part] = self._part(describe(), part)
            self.points.add(series, point.timestamp, value)
        self.histograms += 1

    def _part(self, key: SeriesKey, part: Part) -> int:
        return self._book.table.intern(part_key(key, part))


def see_parts(book: Book, metrics: Iterable[str]) -> None:
    """Names of metrics, or other strings, that a request brings before its series are read: what counts observations
    is told from what counts things by what comes beside it."""
    if book.families.see(book.tenant, metrics):
        book.known.forget_series()


def check_series(series: Sequence[bytes]) -> None:
    """Raises InvalidInput when a request holds too many series."""
    if len(series) > MOST_SERIES:
        raise InvalidInput("timeseries", f"are {len(series)}; send at most {MOST_SERIES} at once")


def _refuse_length(body: bytes) -> NoReturn:
    raise InvalidInput("", f"has {len(body)} bytes; there may be {LARGEST_SERIES}: send fewer samples at once")


def check_labels(number: int, place: str) -> None:
    """Raises InvalidInput when a series has too many labels."""
    if number > MOST_LABELS:
        raise InvalidInput(f"{place}.labels", f"are {number}; there may be {MOST_LABELS}")
