"""Instants as senders write them: ISO 8601 and its relatives, or a number since the Unix epoch."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Nothing that is told of today began before; what seems to was written in another unit.
EARLIEST = 631_152_000 * NANOSECONDS
LATEST = 2**63 - 1
IMPOSSIBLE = "is not an instant between 1990 and 2262"

# Below each bound a number is read in that unit: seconds until the year 5138, then ms, then µs.
_UNITS = ((10**11, NANOSECONDS), (10**14, 1_000_000), (10**17, 1_000))
# RFC 3339, and what Go, Java, Python and databases write: a comma, a blank for the T, no colon in the zone, its name.
_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt _](\d\d:\d\d):(\d\d)(?:[.,](\d{1,18}))? ?"
    r"(?:[Zz]|UTC|GMT|([+-](?:[01]\d|2[0-3])):?([0-5]\d)?(?: [A-Z]{3,5})?)?"
)


def nanoseconds(value: str | float, field: str) -> int:
    """ns since the epoch, exact to what is written. Text without a time zone is UTC; the unit of a number (s, ms, µs,
    ns) is told from its size. Raises InvalidInput, also for an instant that cannot be one of today's telemetry."""
    if isinstance(value, str) and not _numeric(value):
        return _checked(_parsed(value.strip(), field), field)
    try:
        number = Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation as bad:
        raise InvalidInput(field, IMPOSSIBLE) from bad
    if not number.is_finite() or not 0 <= number <= LATEST:
        raise InvalidInput(field, IMPOSSIBLE)
    factor = next((factor for bound, factor in _UNITS if number < bound), 1)
    return _checked(round(number * factor), field)


def nanoseconds_of(moment: datetime, field: str) -> int:
    """ns since the epoch of a datetime, UTC if it has no zone. Raises InvalidInput outside 1990–2262."""
    return _checked(_since_epoch(moment), field)


def moment(ns: int) -> datetime:
    """A datetime in UTC."""
    return EPOCH + timedelta(microseconds=ns // 1000)


def _checked(ns: int, field: str) -> int:
    if not EARLIEST <= ns <= LATEST:
        raise InvalidInput(field, IMPOSSIBLE)
    return ns


def _since_epoch(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1) * 1000


def _numeric(value: str) -> bool:
    return value.isascii() and value.strip().replace(".", "", 1).isdigit()


def _parsed(value: str, field: str) -> int:
    """ns since the epoch. Raises InvalidInput."""
    found = _TEXT.fullmatch(value)
    try:
        if found is None:
            return _since_epoch(_otherwise(value))
        day, minute, second, fraction, hours, minutes = found.groups()
        # A leap second is the last one of its minute once more.
        whole = datetime.fromisoformat(f"{day}T{minute}:{min(int(second), 59):02}+00:00" if int(second) <= 60 else "")
        zone = timedelta(hours=int(hours or 0), minutes=int(f"{(hours or '+')[0]}{minutes or 0}"))
        return _since_epoch(whole - zone) + int((fraction or "").ljust(9, "0")[:9])
    except (ValueError, OverflowError) as bad:
        raise InvalidInput(field, "is neither an ISO 8601 instant nor a number since the epoch") from bad


def _otherwise(value: str) -> datetime:
    """What else ISO 8601 knows, or the form of mails and HTTP (RFC 5322, RFC 9110). Raises ValueError."""
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return parsedate_to_datetime(value)
