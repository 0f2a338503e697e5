"""Instants as senders write them: ISO 8601, or a number since the Unix epoch."""

import math
from datetime import UTC, datetime, timedelta

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 2**63 - 1

# Below each bound a number is read in that unit: seconds until the year 5138, then ms, then µs.
_UNITS = ((1e11, NANOSECONDS), (1e14, 1_000_000), (1e17, 1_000))


def nanoseconds(value: str | float, field: str) -> int:
    """ns since the epoch. Text without a time zone is UTC; the unit of a number (s, ms, µs, ns) is told from its size.
    Raises InvalidInput."""
    if isinstance(value, str) and not _numeric(value):
        return nanoseconds_of(_parsed(value, field), field)
    number = float(value) if isinstance(value, str) else value
    if not math.isfinite(number) or not 0 <= number <= LATEST:
        raise InvalidInput(field, "is not an instant between 1970 and 2262")
    factor = next((factor for bound, factor in _UNITS if number < bound), 1)
    return min(round(number * factor), LATEST)


def nanoseconds_of(moment: datetime, field: str) -> int:
    """ns since the epoch of a datetime, UTC if it has no zone. Raises InvalidInput outside 1970–2262."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    total = (aware - EPOCH) // timedelta(microseconds=1) * 1000
    if not 0 <= total <= LATEST:
        raise InvalidInput(field, "is not an instant between 1970 and 2262")
    return total


def moment(ns: int) -> datetime:
    """A datetime in UTC."""
    return EPOCH + timedelta(microseconds=ns // 1000)


def _numeric(value: str) -> bool:
    return value.isascii() and value.replace(".", "", 1).isdigit()


def _parsed(value: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (ValueError, OverflowError) as bad:
        raise InvalidInput(field, "is neither an ISO 8601 instant nor a number since the epoch") from bad
