"""Metrics whose names are paths, as in Graphite and StatsD, and the lines that tell of them."""

from collections.abc import Iterator, Mapping

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey
from akeso.protocols.labels import service_of
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE

_MOST_LINES = 500_000
_LONGEST = 4_096


def lines_in(body: bytes) -> Iterator[tuple[str, str]]:
    """The lines that are not empty, each behind "line 3" (from 1)."""
    lines = body.decode("utf-8", "replace").splitlines()
    if len(lines) > _MOST_LINES:
        raise InvalidInput("body", f"holds more than {_MOST_LINES} lines")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"line {number}", line.strip()


def dotted_key(tenant: str, path: str, tags: Mapping[str, str], segment: int, names: tuple[str, ...]) -> SeriesKey:
    """The series of a path and its tags, a level without unit. segment: the part of the path that names the service
    where no tag of `names` does. Raises InvalidInput."""
    if not path or len(path) > _LONGEST:
        raise InvalidInput("name", f"has to have 1 to {_LONGEST} characters")
    service = service_of(tags, names)
    named = next((tag for tag in names if tags.get(tag)), "")
    parts = path.split(".")
    if service == UNKNOWN_SERVICE and 0 <= segment < len(parts) - 1 and parts[segment]:
        service = parts[segment]
    kept = tuple(sorted((tag, value) for tag, value in tags.items() if tag != named and tag and value))
    return SeriesKey(tenant, service, path, kept)
