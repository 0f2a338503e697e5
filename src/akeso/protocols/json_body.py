"""JSON bodies: decoded into typed structures, refused in one shape."""

import re
from typing import TypeVar

import msgspec

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.ports.source import Answer

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`", re.DOTALL)


def parse_json(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The decoded body. Raises InvalidInput naming the field, or "body" when it is no JSON at all."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as bad:
        raise misfit(bad) from bad
    except RecursionError as bad:
        raise InvalidInput("body", "nested too deep") from bad
    except ValueError as bad:  # msgspec.DecodeError, and UnicodeDecodeError, which is none
        raise InvalidInput("body", str(bad)) from bad


def misfit(bad: msgspec.ValidationError) -> InvalidInput:
    """The field and the reason out of msgspec's sentence."""
    message = str(bad)
    place = _PLACE.search(message)
    path, reason = (place["path"], message[: place.start()]) if place else ("", message)
    if missing := _MISSING.match(reason):
        return InvalidInput(f"{path}.{missing['name']}".lstrip("."), "is missing")
    return InvalidInput(path or "body", reason)


def accept_json(content: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, msgspec.json.encode(content))


def refuse_json(error: AkesoError, status: int) -> Answer:
    """The error as JSON, in the shape that the rest of the API uses."""
    body = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, InvalidInput):
        body |= {"field": error.field, "reason": error.reason}
    return Answer(status, msgspec.json.encode(body))
