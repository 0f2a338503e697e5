"""Durations and instants as whole nanoseconds, and back. Exact to the microsecond that `datetime` knows."""

from datetime import UTC, datetime, timedelta

from akeso.domain.telemetry.batches import NANOSECONDS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration_ns(duration: timedelta) -> int:
    """A duration in nanoseconds."""
    return (duration.days * 86_400 + duration.seconds) * NANOSECONDS + duration.microseconds * 1_000


def epoch_ns(at: datetime) -> int:
    """An instant (with time zone) in nanoseconds since the Unix epoch; negative before 1970."""
    return duration_ns(at - EPOCH)


def instant_of(nanoseconds: int) -> datetime:
    """The instant, in UTC, of nanoseconds since the Unix epoch."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def rfc3339(nanoseconds: int) -> str:
    """The instant of nanoseconds since the Unix epoch as people and programs read it, in UTC with a `Z`."""
    return instant_of(nanoseconds).isoformat().replace("+00:00", "Z")
