"""OTLP's AnyValue, protobuf or JSON, as text."""

import base64
from typing import Any

import msgspec

from akeso.domain.errors import InvalidInput

DEEPEST = 48


def text(value: Any) -> str:
    """A string as it is; a boolean, number, bytes (base64), list or map as JSON writes it; "" for nothing."""
    plain = _plain(value, 0)
    match plain:
        case str():
            return plain
        case None:
            return ""
        case _:
            return msgspec.json.encode(plain).decode()


def _plain(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise InvalidInput("value", f"nested deeper than {DEEPEST} levels")
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_plain(item, depth + 1) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _plain(item.value, depth + 1) for item in value.kvlist_value.values}
        case "bytes_value" if isinstance(value.bytes_value, bytes):
            return base64.b64encode(value.bytes_value).decode()
        case kind:
            return getattr(value, kind)
