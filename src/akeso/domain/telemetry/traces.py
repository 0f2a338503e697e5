"""Traces as they were told: which places of the code a request passed, when, and what it wrote there."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[Any]

# place: index into Traces.places; start, end, time: ns; parent 0: the root.
SPAN = np.dtype(
    [
        ("place", "i4"),
        ("kind", "u1"),
        ("error", "?"),
        ("trace", "u8"),
        ("span", "u8"),
        ("parent", "u8"),
        ("start", "i8"),
        ("end", "i8"),
    ]
)
# span: the one that the record was written in, 0 where that is not known.
LINE = np.dtype([("place", "i4"), ("trace", "u8"), ("span", "u8"), ("time", "i8")])


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the code of a service: an operation (severity 0), or a statement that logs.

    name: the operation's name; or what the line says of its place ("OrderService.java:84") with a few of its words,
    else its template.
    """

    service: str
    name: str
    severity: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """All that was kept of whole traces. spans: rows of SPAN; lines: rows of LINE, in no order."""

    places: tuple[Place, ...] = ()
    spans: Rows = field(default_factory=lambda: np.empty(0, SPAN))
    lines: Rows = field(default_factory=lambda: np.empty(0, LINE))

    def __len__(self) -> int:
        """The number of spans and lines."""
        return len(self.spans) + len(self.lines)
