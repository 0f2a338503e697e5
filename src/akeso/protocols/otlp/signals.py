"""What the three OTLP signals have in common. https://opentelemetry.io/docs/specs/otlp/"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import Attributes, SpanIds, Times
from akeso.ports.source import Answer
from akeso.protocols.otlp.any_value import text

UNKNOWN_SERVICE = "unknown_service"
INSTANCE = "service.instance.id"
LATEST = 2**63 - 1

_INVALID_ARGUMENT, _PERMISSION_DENIED, _EXHAUSTED, _INTERNAL, _UNAVAILABLE, _UNAUTHENTICATED = 3, 7, 8, 13, 14, 16
_GRPC_CODES = {400: _INVALID_ARGUMENT, 401: _UNAUTHENTICATED, 403: _PERMISSION_DENIED, 429: _EXHAUSTED}
_GRPC_CODES |= {413: _INVALID_ARGUMENT, 415: _INVALID_ARGUMENT, 503: _UNAVAILABLE}


class Encoding(Protocol):
    """One of OTLP's two encodings. What `parse` returns reads alike in both: protobuf's field names."""

    content_type: str

    def parse(self, signal: str, body: bytes) -> Any:
        """The Export…ServiceRequest of a signal ("metrics", "logs", "trace"). Raises InvalidInput."""
        ...

    def label_key(self, point: Any) -> Any:
        """The bytes of a data point's attributes, as they came: hashable, cheap, and enough for `labels`."""
        ...

    def labels(self, key: Any) -> Iterable[Any]:
        """The KeyValues in a label key. Raises InvalidInput."""
        ...

    def number(self, point: Any) -> Any:
        """A data point of a gauge or a sum as a message. Raises InvalidInput."""
        ...

    def identity(self, key: Any) -> Hashable:
        """What stands for a label key where a point of a gauge or a sum is looked up."""
        ...

    def sum_of(self, point: Any) -> float:
        """The sum of a histogram point, NaN if it has none."""
        ...

    def identifiers(self, ids: Sequence[Any], field: str) -> list[bytes]:
        """Trace or span ids as bytes. Raises InvalidInput."""
        ...

    def response(self, signal: str, rejected: int, reason: str) -> bytes:
        """The Export…ServiceResponse; partial success when something was rejected."""
        ...

    def status(self, code: int, message: str) -> bytes:
        """A google.rpc.Status."""
        ...


def accept(encoding: Encoding, signal: str, rejected: int = 0, reason: str = "") -> Answer:
    """200 in the sender's encoding."""
    return Answer(200, encoding.response(signal, rejected, reason), encoding.content_type)


def refuse(encoding: Encoding, error: AkesoError, status: int) -> Answer:
    """A google.rpc.Status in the sender's encoding. OTLP demands 400, not 422, for data that is wrong."""
    status = 400 if status == 422 else status
    code = _GRPC_CODES.get(status, _INTERNAL)
    return Answer(status, encoding.status(code, str(error)), encoding.content_type)


def origin(resource: Any) -> tuple[str, Attributes]:
    """The service of a resource, and what tells its instances apart."""
    found = {a.key: text(a.value) for a in resource.attributes if a.key in {"service.name", INSTANCE}}
    instance = found.get(INSTANCE, "")
    return found.get("service.name") or UNKNOWN_SERVICE, ((INSTANCE, instance),) if instance else ()


def times(values: Sequence[int] | NDArray[np.uint64], otherwise: int, field: str) -> Times:
    """int64[n] ns; a missing (zero) time becomes `otherwise`. Raises InvalidInput beyond the year 2262."""
    column = np.array(values, np.uint64)
    if column.size and int(column.max()) > LATEST:
        raise InvalidInput(field, "is beyond the year 2262")
    signed = column.astype(np.int64)
    signed[signed == 0] = otherwise
    return signed


def low_halves(ids: Sequence[bytes], widths: frozenset[int], field: str) -> SpanIds:
    """uint64[n]: the last eight bytes of each id, 0 for an empty one. Raises InvalidInput unless all have a width."""
    if not widths.issuperset(map(len, ids)):
        allowed = " or ".join(str(width) for width in sorted(widths))
        raise InvalidInput(field, f"has to be {allowed} bytes long")
    return np.frombuffer(b"".join([i[-8:] or bytes(8) for i in ids]), ">u8").astype(np.uint64)
