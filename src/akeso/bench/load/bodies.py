"""Request bodies, prepared so that one of any moment costs a patch of its numbers and a compression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cramjam
import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Times

_MS = NANOSECONDS // 1000


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One request. due: ns, the newest stamp in it; it is not sent before."""

    due: int
    data: bytes
    items: int


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A body whose numbers are filled in.

    plain: uint8, the body; stamps, values: int[n] where each item's time and value stand; offsets: int64[n] ns that an
    item is behind the body's time; varint: whether times are milliseconds as varints of six bytes, else nanoseconds as
    fixed64; climbs: bool[n], a counter; snappy: whether the body is compressed.
    """

    plain: NDArray[np.uint8]
    stamps: NDArray[np.intp]
    values: NDArray[np.intp]
    offsets: Times
    varint: bool
    climbs: NDArray[np.bool_]
    snappy: bool

    def at(self, instant: int, random: np.random.Generator) -> bytes:
        """The body of an instant (ns)."""
        body = self.plain.copy()
        times = instant - self.offsets
        stamps = _varints(times // _MS) if self.varint else times.astype("<i8").view(np.uint8).reshape(-1, 8)
        body[self.stamps[:, None] + np.arange(stamps.shape[1])] = stamps
        values = self._values(times, random).astype("<f8").view(np.uint8).reshape(-1, 8)
        body[self.values[:, None] + np.arange(8)] = values
        return bytes(cramjam.snappy.compress_raw(body.tobytes())) if self.snappy else body.tobytes()

    def _values(self, times: Times, random: np.random.Generator) -> Floats:
        # Levels swing by a tenth, counters grow by about as much as time goes on.
        levels = 100.0 + 10.0 * random.standard_normal(len(times))
        counts = np.floor((times % (10**6 * NANOSECONDS)) / _MS)
        return np.asarray(np.where(self.climbs, counts, levels))


def bodies(
    templates: Sequence[Template], start: int, rate: float, seconds: float, random: np.random.Generator
) -> list[Body]:
    """The requests that bring `rate` items a second from `start` (ns) on, the templates in turn."""
    made: list[Body] = []
    due, end = float(start), start + seconds * NANOSECONDS
    while due < end:
        template = templates[len(made) % len(templates)]
        instant = int(due) // _MS * _MS
        made.append(Body(instant, template.at(instant, random), len(template.stamps)))
        due += made[-1].items / rate * NANOSECONDS
    return made


def paced(make: Callable[[int], Body], start: int, rate: float, seconds: float) -> list[Body]:
    """Like `bodies`, for requests that `make` makes of an instant (ns)."""
    made: list[Body] = []
    due, end = float(start), start + seconds * NANOSECONDS
    while due < end:
        made.append(make(int(due)))
        due += made[-1].items / rate * NANOSECONDS
    return made


def places(body: bytes, mark: bytes) -> NDArray[np.intp]:
    """Where a mark stands."""
    found, at = [], body.find(mark)
    while at >= 0:
        found.append(at)
        at = body.find(mark, at + len(mark))
    return np.array(found, np.intp)


def _varints(milliseconds: Times) -> NDArray[np.uint8]:
    parts = (milliseconds[:, None] >> (7 * np.arange(6))) & 0x7F
    parts[:, :5] |= 0x80
    return parts.astype(np.uint8)
