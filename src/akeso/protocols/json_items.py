"""JSON bodies that hold many items: decoded at once where all fit, item by item where one does not."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from akeso.domain.detection.anomaly import Alert
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.ports.source import Intake
from akeso.protocols.json_body import accept_json, parse_json
from akeso.protocols.rejections import Rejections

T = TypeVar("T")


class Part(NamedTuple):
    """Where a structure holds items, or a structure that does. name: on the wire; attribute: of the structure."""

    name: str
    attribute: str
    shape: Any
    many: bool = True


class JsonItems:
    """Decodes structures of one shape. parts: the places of items by the shape that holds them; what holds none is an
    item; lax: numbers may be text."""

    def __init__(self, shape: Any, parts: Mapping[Any, Sequence[Part]] | None = None, lax: bool = False) -> None:
        self._shape, self._parts, self._lax = shape, parts or {}, lax

    def decode(self, body: bytes, rejections: Rejections) -> Any:
        """The structure without the items that do not fit. Raises InvalidInput when it does not hold together."""
        try:
            return parse_json(_decoder(self._shape, self._lax), body)
        except InvalidInput:
            return self._sifted(self._shape, body, "", rejections)

    def decode_array(self, body: bytes, rejections: Rejections) -> tuple[list[Any], list[str]]:
        """The items of an array that fit, and where each stands in it."""
        try:
            found = parse_json(_decoder(list[self._shape], self._lax), body)  # type: ignore[name-defined]
        except InvalidInput:
            found = self._items(self._shape, body, "", rejections)
        return found, [rejections.place("", index) for index in range(len(found))]

    def _sifted(self, shape: Any, body: bytes, place: str, rejections: Rejections) -> Any:
        parts = self._parts.get(shape, ())
        if not parts:
            return parse_json(_decoder(shape, self._lax), body)
        fields = parse_json(_decoder(dict[str, msgspec.Raw], False), body)
        held = {}
        for part in parts:
            inner = bytes(fields.pop(part.name, b"null"))
            if inner != b"null":
                held[part.attribute] = self._part(part, inner, place, rejections)
                fields |= {part.name: msgspec.Raw(b"[]")} if part.many else {}
        return msgspec.structs.replace(parse_json(_decoder(shape, self._lax), msgspec.json.encode(fields)), **held)

    def _part(self, part: Part, body: bytes, place: str, rejections: Rejections) -> Any:
        inner = f"{place}.{part.name}".lstrip(".")
        try:
            if part.many:
                return tuple(self._items(part.shape, body, inner, rejections))
            return self._sifted(part.shape, body, inner, rejections)
        except InvalidInput as bad:
            raise InvalidInput(part.name if bad.field == "body" else f"{part.name}.{bad.field}", bad.reason) from bad

    def _items(self, shape: Any, body: bytes, place: str, rejections: Rejections) -> list[Any]:
        found = []
        for index, item in enumerate(parse_json(_decoder(list[msgspec.Raw], False), body)):
            try:
                found.append(self._sifted(shape, bytes(item), f"{place}[{index}]", rejections))
            except InvalidInput as bad:
                rejections.leave_out(place, index, bad)
        return found


@cache
def _decoder(shape: Any, lax: bool) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape, strict=not lax)


def read_items(
    items: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[T], place: str, rejections: Rejections
) -> list[T]:
    """The items that fit, of an array at `place` whose items are not decoded yet."""
    told = ((f"{place}[{index}]", bytes(item)) for index, item in enumerate(items))
    return rejections.sift(told, lambda body: parse_json(decoder, body))


def accept_items(
    batch: TelemetryBatch, rejections: Rejections, accepted: int, alerts: tuple[Alert, ...] = ()
) -> Intake:
    """202 with how many items were taken, and those that were left out: `rejected: [{item, field, reason}]`."""
    said = {"status": "partial" if rejections else "accepted", "accepted": accepted} | rejections.content
    return Intake(batch, accept_json(said, 202), alerts, rejections.rejected, rejections.omitted)
