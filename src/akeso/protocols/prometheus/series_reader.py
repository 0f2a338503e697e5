"""Time series of remote write, one by one: what both versions do with a series that the quick way did not take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import MetricBlock, SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.protocols.known_series import Known
from akeso.protocols.points import Points
from akeso.protocols.prometheus.metadata import Families
from akeso.protocols.prometheus.native_histogram import Part, histogram_parts, part_key

MOST_SERIES = 200_000
MOST_LABELS = 1_000
LARGEST_SERIES = 2**19
MOST_SAMPLES = 1_000_000
# A counter that began this long before its first sample began in what is still looked at.
_RECENT_MS = 60_000

Describe: TypeAlias = Callable[[], SeriesKey]


@dataclass(frozen=True, slots=True)
class Book:
    """Where series are found or made. service_labels: the labels that may name the service."""

    tenant: str
    table: SeriesTable
    known: Known
    families: Families
    service_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What a request held: its points, and how many samples, histograms and exemplars they were."""

    block: MetricBlock
    samples: int
    histograms: int
    exemplars: int


class SeriesReader:
    """Collects the points of one request. In messages of series, both versions call alike what is alike."""

    def __init__(self, book: Book) -> None:
        self.points = Points()
        self.samples = self.histograms = self.exemplars = 0
        self._book, self._known = book, book.known

    def written(self) -> Written:
        """Everything that was taken. Raises InvalidInput for an impossible time."""
        return Written(self.points.block(), self.samples, self.histograms, self.exemplars)

    def take(self, message: Any, identity: bytes, describe: Describe, place: str) -> None:
        """Take in a TimeSeries. identity: stands for its labels; describe: tells their key, raises InvalidInput when
        they do not hold together, and is called only for what is not known yet."""
        samples, histograms = message.samples, message.histograms
        self.samples += len(samples)
        self.histograms += len(histograms)
        self.exemplars += len(message.exemplars)
        if self.samples + self.histograms > MOST_SAMPLES:
            raise InvalidInput("timeseries", f"hold more than {MOST_SAMPLES} samples")
        if samples:
            series = self._series(identity, describe, samples[0])
            for sample in samples:
                self.points.add(series, sample.timestamp, sample.value)
        elif not histograms and hash(identity) not in self._known.ids:
            describe()
        for point in histograms:
            self._histogram(point, identity, describe, place)

    def _series(self, identity: bytes, describe: Describe, sample: Any) -> int:
        mark = hash(identity)
        found = self._known.ids.get(mark)
        if found is None:
            before = len(self._book.table)
            key = describe()
            found = self._known.ids[mark] = self._book.table.intern(key)
            if found == before and key.temporality is Temporality.CUMULATIVE:
                self._begin(found, sample)
        return found

    def _begin(self, series: int, sample: Any) -> None:
        """A counter that began lately began at zero, so its first value is growth."""
        if 0 < sample.timestamp - sample.start_timestamp < _RECENT_MS:
            self.points.add(series, sample.start_timestamp, 0.0)

    def _histogram(self, point: Any, identity: bytes, describe: Describe, place: str) -> None:
        known, mark = self._known.parts, hash(identity)
        for part, value in histogram_parts(point, f"{place}.histograms"):
            series = known.get((mark, part))
            if series is None:
                series = known[mark, part] = self._part(describe(), part)
            self.points.add(series, point.timestamp, value)

    def _part(self, key: SeriesKey, part: Part) -> int:
        return self._book.table.intern(part_key(key, part))


def check_series(series: Sequence[bytes]) -> None:
    """Raises InvalidInput when a request holds too many series, or one that is too large."""
    if len(series) > MOST_SERIES:
        raise InvalidInput("timeseries", f"are {len(series)}; send at most {MOST_SERIES} at once")
    if max(map(len, series), default=0) > LARGEST_SERIES:
        raise InvalidInput("timeseries", f"hold one of more than {LARGEST_SERIES} bytes; send fewer samples at once")


def check_labels(number: int, place: str) -> None:
    """Raises InvalidInput when a series has too many labels."""
    if number > MOST_LABELS:
        raise InvalidInput(f"{place}.labels", f"are {number}; there may be {MOST_LABELS}")
