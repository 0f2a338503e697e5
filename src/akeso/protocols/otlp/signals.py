"""What the three OTLP signals have in common. https://opentelemetry.io/docs/specs/otlp/"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.estate.identity import FALLBACK
from akeso.domain.telemetry.batches import Attributes, Mask, SpanIds, TelemetryBatch, Times
from akeso.ports.source import Answer, Identity, IngestRequest, Intake
from akeso.protocols.digest import request_digest
from akeso.protocols.entities import name_of_resource
from akeso.protocols.instant import EARLIEST, LATEST
from akeso.protocols.otlp.any_value import text
from akeso.protocols.rejections import Rejections

UNKNOWN_SERVICE = FALLBACK
INSTANCE = "service.instance.id"
# Attributes of a resource that say who it is, as the rules of entities know them.
_IDENTITY = MappingProxyType(
    {
        "service.name": "service",
        INSTANCE: INSTANCE,
        "service.namespace": "service_namespace",
        "deployment.environment.name": "environment",
        "deployment.environment": "env",
        "k8s.namespace.name": "namespace",
        "k8s.deployment.name": "deployment",
        "k8s.statefulset.name": "statefulset",
        "k8s.daemonset.name": "daemonset",
        "k8s.cronjob.name": "cronjob",
        "k8s.job.name": "job_name",
        "k8s.pod.name": "pod",
        "k8s.node.name": "node",
        "container.name": "container",
        "host.name": "host",
    }
)

_INVALID_ARGUMENT, _PERMISSION_DENIED, _EXHAUSTED, _INTERNAL, _UNAVAILABLE, _UNAUTHENTICATED = 3, 7, 8, 13, 14, 16
_GRPC_CODES = {400: _INVALID_ARGUMENT, 401: _UNAUTHENTICATED, 403: _PERMISSION_DENIED, 429: _EXHAUSTED}
_GRPC_CODES |= {413: _INVALID_ARGUMENT, 415: _INVALID_ARGUMENT, 503: _UNAVAILABLE}


class Encoding(Protocol):
    """One of OTLP's two encodings. What `parse` returns reads alike in both: protobuf's field names."""

    content_type: str

    def parse(self, signal: str, body: bytes, rejections: Rejections) -> Any:
        """The Export…ServiceRequest of a signal ("metrics", "logs", "trace") without what cannot be read in it. Raises
        InvalidInput when it is none."""
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

    def identifiers(self, ids: Sequence[Any]) -> list[bytes]:
        """Trace or span ids as bytes; one that is no id becomes bytes of another width."""
        ...

    def unread(self, signal: str, body: bytes) -> list[str]:
        """Warnings of what a request without any item holds all the same."""
        ...

    def response(self, signal: str, rejected: int, reason: str) -> bytes:
        """The Export…ServiceResponse; partial success when something was rejected."""
        ...

    def status(self, code: int, message: str) -> bytes:
        """A google.rpc.Status."""
        ...


def taken(
    encoding: Encoding, signal: str, batch: TelemetryBatch, request: IngestRequest, rejections: Rejections
) -> Intake:
    """A batch with 200 in the sender's encoding, and partial success where something was rejected or not
    understood."""
    if not len(batch) and not rejections:
        rejections.warnings += encoding.unread(signal, request.body)
    said = encoding.response(signal, rejections.count, rejections.sentence)
    answer = Answer(200, said, encoding.content_type)
    identity = Identity() if batch.spans else Identity(request_digest(request))
    return Intake(batch, answer, rejected=rejections.rejected, omitted=rejections.omitted, identity=identity)


def refuse(encoding: Encoding, error: AkesoError, status: int) -> Answer:
    """A google.rpc.Status in the sender's encoding. OTLP demands 400, not 422, for data that is wrong."""
    status = 400 if status == 422 else status
    code = _GRPC_CODES.get(status, _INTERNAL)
    return Answer(status, encoding.status(code, str(error)), encoding.content_type)


def origin(resource: Any) -> tuple[str, Attributes]:
    """The service of a resource (else the workload, container or host that it names; see akeso.protocols.entities), and
    what tells its instances apart."""
    found = {a.key: text(a.value) for a in resource.attributes if a.key in _IDENTITY}
    instance = found.pop(INSTANCE, "")
    named = name_of_resource(tuple((_IDENTITY[key], value) for key, value in found.items() if value))
    return named, ((INSTANCE, instance),) if instance else ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where the items of a resource stand in a request. resource: its place; scopes, items: what the arrays of scopes
    and of items are called; lengths: how many items each scope has."""

    resource: str
    scopes: str
    items: str
    lengths: Sequence[int]

    def of(self, index: int, rejections: Rejections) -> str:
        """Of the item that is at `index` of all that are left of the resource."""
        scope = 0
        while index >= self.lengths[scope]:
            index, scope = index - self.lengths[scope], scope + 1
        return rejections.place(f"{rejections.place(f'{self.resource}.{self.scopes}', scope)}.{self.items}", index)


def reject_unless(fits: Mapping[str, tuple[Mask, str]], places: Places, rejections: Rejections) -> Mask:
    """bool[n] which of n items fit; the others are rejected. fits: by field, which have it as it should be, and what
    is wrong with the others; places: of the items."""
    keep: Mask = np.logical_and.reduce([mask for mask, _ in fits.values()])
    for index in np.flatnonzero(~keep).tolist():
        field, reason = next((name, why) for name, (mask, why) in fits.items() if not mask[index])
        rejections.reject(places.of(index, rejections), InvalidInput(field, reason))
    return keep


def times(values: Sequence[int] | NDArray[np.uint64], otherwise: int) -> tuple[Times, Mask]:
    """int64[n] ns, a missing (zero) time as `otherwise`; bool[n] whether it lies between 1990 and 2262."""
    column = np.array(values, np.uint64)
    fits = (column <= LATEST) & ((column >= EARLIEST) | (column == 0))
    signed = column.astype(np.int64)
    signed[~fits | (signed == 0)] = otherwise
    return signed, fits


def low_halves(ids: Sequence[bytes], widths: frozenset[int]) -> tuple[SpanIds, Mask]:
    """uint64[n]: the last eight bytes of each id, 0 for an empty one; bool[n] whether it has one of the widths."""
    fits = np.ones(len(ids), np.bool_)
    if not widths.issuperset(map(len, ids)):
        fits = np.array([len(each) in widths for each in ids], np.bool_)
        ids = [each if fit else b"" for each, fit in zip(ids, fits.tolist(), strict=True)]
    return np.frombuffer(b"".join([i[-8:] or bytes(8) for i in ids]), ">u8").astype(np.uint64), fits
