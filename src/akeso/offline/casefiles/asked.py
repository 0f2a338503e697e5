"""What somebody wants to look at: where it is, and which time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.errors import InvalidInput
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Edge
from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.times import epoch_ns

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Range:
    """The time of a fault, ns: start is its onset, end when it is looked at."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Asked:
    """source: a file or folder; span: the time of the fault (None: whatever the detectors find); past: how much of the
    time before it is looked at; edges: calls that are known besides those in spans."""

    source: Path
    span: Range | None = None
    past: timedelta = timedelta(minutes=10)
    services: Services = field(default_factory=Services)
    edges: tuple[Edge, ...] = ()
    tenant: str = "default"


@dataclass(frozen=True, slots=True)
class Found:
    """A case that was read. title: what showed first."""

    title: str
    case: Case
    anomalies: tuple[Anomaly, ...] = ()


def parse_range(text: str, now: datetime) -> Range:
    """`FROM/TO`, each ISO 8601, epoch seconds, `now`, or a time before now such as `-15m`. Raises InvalidInput."""
    start, slash, end = text.partition("/")
    if not slash:
        raise InvalidInput("--range", f"{text} is not FROM/TO, such as 2026-01-01T10:00Z/2026-01-01T10:10Z or -15m/now")
    found = Range(_instant(start, now), _instant(end, now))
    if found.start >= found.end:
        raise InvalidInput("--range", f"{text} ends before it begins")
    return found


def _instant(text: str, now: datetime) -> int:
    text = text.strip()
    if text in {"now", ""}:
        return epoch_ns(now)
    if text[0] == "-" and text[-1] in _UNITS and text[1:-1].isdigit():
        return epoch_ns(now - timedelta(seconds=int(text[1:-1]) * _UNITS[text[-1]]))
    try:
        return int(float(text) * NANOSECONDS)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as bad:
        raise InvalidInput("--range", f"{text} is no time") from bad
    return epoch_ns(at if at.tzinfo else at.replace(tzinfo=UTC))
