"""Journal events as bytes and back, and the hash that chains the lines.

An event is its kind (the name of its class) and canonical JSON: sorted keys, no spaces, instants in UTC, durations in
ISO 8601. The same event always gives the same bytes, and the bytes give the same event.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite, isnan, nan
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.events import Event
from akeso.domain.renamed import with_new_names

GENESIS = "0" * 64
KINDS: Mapping[str, type[Event]] = MappingProxyType({kind.__name__: kind for kind in get_args(Event)})

# An anomaly of a series that never had a normal value has no expectation. JSON knows no NaN: there it is null.
_MAY_BE_NAN = tuple(field.name for field in fields(Anomaly) if field.type is float)

_encoder = msgspec.json.Encoder(order="sorted")


def encode_event(event: Event) -> tuple[str, bytes]:
    """(kind, canonical JSON in UTF-8). Raises InvalidInput naming the field that JSON cannot carry: a number that is
    not finite, a time without zone, a value of another type than the event declares."""
    kind = type(event).__name__
    if KINDS.get(kind) is not type(event):
        raise InvalidInput("kind", f"{kind} is no journal event")
    tree = msgspec.to_builtins(event, builtin_types=(datetime, timedelta), enc_hook=plain_mapping)
    for anomaly in _anomalies(tree):
        anomaly.update({name: None for name in _MAY_BE_NAN if _is_nan(anomaly[name])})
    try:
        payload = _encoder.encode(_canonical(tree, kind))
    except UnicodeEncodeError as bad:
        raise InvalidInput(kind, f"holds text that is not Unicode: {bad}") from bad
    decode_event(kind, payload)  # what cannot be read back must not get in
    return kind, payload


def decode_event(kind: str, payload: bytes) -> Event:
    """The event. Raises InvalidInput naming the kind when it is unknown, or the field that does not fit."""
    declared = KINDS.get(kind)
    if declared is None:
        raise InvalidInput("kind", f"{kind} is no journal event")
    try:
        tree = msgspec.json.decode(payload)
        for anomaly in _anomalies(tree):
            anomaly.update({name: nan for name in _MAY_BE_NAN if anomaly.get(name, 0) is None})
        if isinstance(tree, dict) and "diagnosis" in tree:
            tree["diagnosis"] = with_new_names(tree["diagnosis"], "diagnosis")
        return msgspec.convert(tree, declared)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, ValueError) as bad:
        raise _located(kind, bad) from bad


def instant(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds: sorts as time does. Raises InvalidInput without a time zone."""
    if at.tzinfo is None:
        raise InvalidInput("at", f"{at.isoformat()} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def chained(previous: str, line: tuple[int, str, str, str, str, str]) -> str:
    """The SHA-256, in hex, of a journal line: the previous line's hash, then sequence, incident, instant, actor, kind
    and payload, each with its length before it, so that no two lines give the same bytes."""
    digest = hashlib.sha256()
    for part in (previous, *map(str, line)):
        # A store that was tampered with may hold bytes that are no text; they arrive as lone surrogates.
        data = part.encode("utf-8", "surrogateescape")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def plain_mapping(value: Any) -> Any:
    """The encoding hook for frozen mappings."""
    if isinstance(value, Mapping):
        return dict(value)
    raise InvalidInput(type(value).__name__, "has no place in a message")


def _canonical(value: Any, path: str) -> Any:
    match value:
        case dict():
            return {str(k): _canonical(v, f"{path}.{k}") for k, v in value.items()}
        case list() | tuple():
            return [_canonical(v, f"{path}[{i}]") for i, v in enumerate(value)]
        case float() if not isfinite(value):
            raise InvalidInput(path, f"{value} is no number that JSON can carry")
        case datetime() if value.tzinfo is None:
            raise InvalidInput(path, f"{value.isoformat()} has no time zone")
        case datetime():
            return value.astimezone(UTC)
        case Enum():
            return value.value
    return value


def _anomalies(tree: Any) -> Iterator[dict[str, Any]]:
    found = tree.get("anomalies", ()) if isinstance(tree, dict) else ()
    return (a for a in found if isinstance(a, dict)) if isinstance(found, list | tuple) else iter(())


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and isnan(value)


def _located(kind: str, bad: Exception) -> InvalidInput:
    # msgspec ends its messages with "… - at `$.path`".
    reason, _, path = str(bad).rpartition(" - at `$")
    return InvalidInput(f"{kind}{path.rstrip('`')}", reason) if reason else InvalidInput(kind, str(bad))
