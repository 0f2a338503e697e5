"""JSON bodies: decoded into typed structures, refused in one shape."""

import re
from typing import Any, TypeVar

import msgspec

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.ports.source import Answer

T = TypeVar("T")

_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`", re.DOTALL)


def parse_json(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The decoded body; a field that is null is absent where it may not be null. Raises InvalidInput naming the field,
    or "body" when it is no JSON at all."""
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as bad:
        # Few senders write nulls where there is nothing, so only they pay for it.
        if b"null" not in body:
            raise _refusal(bad) from bad
    try:
        return decoder.decode(_without_nulls(body))
    except (ValueError, RecursionError) as bad:
        raise _refusal(bad) from bad


def _refusal(bad: ValueError | RecursionError) -> InvalidInput:
    match bad:
        case msgspec.ValidationError():
            return misfit(bad)
        case RecursionError():
            return InvalidInput("body", "nested too deep")
        case _:  # msgspec.DecodeError, and UnicodeDecodeError, which is none
            return InvalidInput("body", str(bad))


def _without_nulls(body: bytes) -> bytes:
    return msgspec.json.encode(_pruned(_ANYTHING.decode(body)))


def _pruned(value: Any) -> Any:
    match value:
        case dict():
            return {name: _pruned(item) for name, item in value.items() if item is not None}
        case list():
            return [_pruned(item) for item in value]
        case _:
            return value


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
