"""Protobuf messages described in code, so that an installation needs no compiler.

What a source does not need parsed it describes as bytes: on the wire a message and bytes are the same, and splitting a
body into the bytes of its series costs a tenth of parsing them. It also bounds the memory that a hostile body takes: a
message of two bytes becomes one of up to 360.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from akeso.domain.errors import InvalidInput

_SCALARS = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "sint32": FieldDescriptorProto.TYPE_SINT32,
    "sint64": FieldDescriptorProto.TYPE_SINT64,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}

_UNCOUNTED = 2**20
_WIDEST = 63
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class Field(NamedTuple):
    """kind: a scalar type of protobuf, or the name of another message of the schema."""

    number: int
    kind: str
    repeated: bool = False


def message_classes(package: str, schema: Mapping[str, Mapping[str, Field]]) -> dict[str, Any]:
    """The message classes of a schema (message → field → Field) by name. They live in a pool of their own, so that
    nothing else that knows these messages is in the way."""
    described = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in schema.items():
        _describe(described.message_type.add(name=name), package, fields)
    pool = DescriptorPool()
    pool.Add(described)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema}


def parsed(kind: Any, body: bytes, field: str) -> Any:
    """`body` as a message of the class `kind`. Raises InvalidInput naming `field`."""
    try:
        return kind.FromString(body)
    except DecodeError as bad:
        raise InvalidInput(field, f"is not a {kind.DESCRIPTOR.name} in protobuf") from bad


def check_fields(body: bytes, most: int, field: str, repeated: tuple[int, ...]) -> None:
    """Raises InvalidInput naming `field` when a message of more than 1 MiB holds more than `most` fields, and so many
    may be of the numbers `repeated`, which become objects each; what is in them is not looked at."""
    if len(body) <= _UNCOUNTED or _bound(body, repeated) <= most:
        return
    place = 0
    try:
        for _ in range(most):
            place = _behind(body, place)
            if place >= len(body):
                return
    except IndexError as bad:
        raise InvalidInput(field, "is cut off") from bad
    raise InvalidInput(field, f"holds more than {most} items")


def split(body: bytes, numbers: frozenset[int], most: int) -> tuple[dict[int, list[bytes]], bytes]:
    """The contents of the fields of these numbers, which hold bytes, and all else of the message. Raises InvalidInput
    when it is no protobuf, or holds more than `most` fields."""
    held: dict[int, list[bytes]] = {}
    rest, place = bytearray(), 0
    try:
        for _ in range(most):
            if place >= len(body):
                return held, bytes(rest)
            end = _behind(body, place)
            tag, start = _varint(body, place)
            _ = body[end - 1]  # it may claim to be longer than the message
            if tag & 7 == _LENGTH and tag >> 3 in numbers:
                held.setdefault(tag >> 3, []).append(body[_varint(body, start)[1] : end])
            else:
                rest += body[place:end]
            place = end
    except IndexError as bad:
        raise InvalidInput("body", "is cut off") from bad
    raise InvalidInput("body", f"holds more than {most} items")


def _varint(body: bytes, place: int) -> tuple[int, int]:
    """The varint at `place` and where it ends."""
    value = shift = 0
    while body[place] >= 0x80:
        value |= (body[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if shift > _WIDEST:
            raise InvalidInput("body", "is no protobuf")
    return value | body[place] << shift, place + 1


def _bound(body: bytes, repeated: tuple[int, ...]) -> int:
    # Bytes that could be the first of such a field: a hundred times as fast as walking, and enough for what is honest.
    low = np.frombuffer(body, np.uint8) & 0x7F
    return sum(int(np.count_nonzero(low == (number << 3 | _LENGTH))) for number in repeated)


def _behind(body: bytes, place: int) -> int:
    """Where the field that begins at `place` ends. Raises IndexError or InvalidInput when it does not."""
    kind = body[place] & 7
    while body[place] >= 0x80:
        place += 1
    place += 1
    if kind == _EIGHT_BYTES:
        return place + 8
    if kind == _FOUR_BYTES:
        return place + 4
    value, place = _varint(body, place)
    if kind not in {_VARINT, _LENGTH}:
        raise InvalidInput("body", "is no protobuf")
    return place + value * (kind == _LENGTH)


def _describe(message: DescriptorProto, package: str, fields: Mapping[str, Field]) -> None:
    for name, (number, kind, repeated) in fields.items():
        label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
        field = message.field.add(name=name, number=number, label=label)
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{package}.{kind}"
