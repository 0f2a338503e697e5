"""Pages that go on where the one before ended."""

import base64
import binascii
import json

from akeso.domain.errors import InvalidInput


def cursor_of(place: tuple[str, ...]) -> str:
    """The place of the last line of a page, as text for the next question."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[str, str, str]:
    """The place that `cursor_of` wrote down. Raises InvalidInput."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as bad:
        raise InvalidInput("cursor", "is none that a page gave") from bad
    if not isinstance(found, list) or len(found) != 3 or not all(isinstance(part, str) for part in found):
        raise InvalidInput("cursor", "is none that a page gave")
    return found[0], found[1], found[2]
