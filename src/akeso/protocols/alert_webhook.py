"""What webhooks that tell of alerts have in common: one alert or several in a JSON body, answered with 202."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import moment, nanoseconds
from akeso.protocols.json_body import parse_json, refuse_json
from akeso.protocols.json_items import accept_items
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE
from akeso.protocols.rejections import Rejections

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as a webhook tells it.

    identity: what begins and what ends have in common; over: whether it ended; at: when that was, as it is written,
    None for the arrival; service: where no label names one; notes: what a person may want to see ("" is left out).
    """

    identity: str
    title: str
    severity: Severity
    over: bool
    at: str | int | float | None = None
    service: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


class AlertWebhook:
    """The part of a source that all such webhooks share; theirs is `told`.

    service_labels: the labels that may name the service, the first that is there decides.
    """

    name = ""

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """Each alert behind its place in the body; None for what is understood and is no alert. Raises InvalidInput."""
        raise NotImplementedError

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        found = rejections.sift(self.told(request, rejections), lambda each: self._alert(each, request, rejections))
        rejections.check(len(found))
        alerts = tuple(alert for alert in found if alert is not None)
        return accept_items(TelemetryBatch(request.tenant, request.received_at), rejections, len(found), alerts)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)

    def _alert(self, told: Told | None, request: IngestRequest, rejections: Rejections) -> Alert | None:
        if told is None:
            return None
        if not told.identity:
            raise InvalidInput("", "has nothing that identifies the alert")
        at = moment(_at(told.at, request, rejections))
        named = service_of(told.labels, self._service_labels)
        return Alert(
            tenant=request.tenant,
            fingerprint=fingerprint(self.name, request.tenant, told.identity),
            source=self.name,
            service=told.service or UNKNOWN_SERVICE if named == UNKNOWN_SERVICE else named,
            title=told.title or told.identity,
            severity=told.severity,
            status=AlertStatus.RESOLVED if told.over else AlertStatus.FIRING,
            starts_at=at,
            ends_at=at if told.over else None,
            labels=tuple(sorted((name, text) for name, text in told.labels.items() if text)),
            annotations=tuple(sorted((name, text) for name, text in told.notes.items() if text)),
        )


def fingerprint(source: str, tenant: str, identity: str) -> str:
    """By which an alert's end is found."""
    return hashlib.sha256(f"{source}\0{tenant}\0{identity}".encode("utf-8", "replace")).hexdigest()[:16]


def one_of(shape: type[T], request: IngestRequest) -> T:
    """The body as one structure; numbers may be text. Raises InvalidInput naming the field."""
    return parse_json(msgspec.json.Decoder(shape, strict=False), request.body)


def plain(value: Any) -> dict[str, str]:
    """What is text or a number in a JSON object, as labels; nothing of what is no object."""
    if not isinstance(value, Mapping):
        return {}
    return {
        str(name): item if isinstance(item, str) else _number(item)
        for name, item in value.items()
        if isinstance(item, str | int | float)
    }


def tagged(tags: Iterable[str]) -> dict[str, str]:
    """`name:value` as labels; a tag without a value is "true"."""
    pairs = (tag.strip().partition(":") for tag in tags)
    return {name: value if colon else "true" for name, colon, value in pairs if name}


def single(told: Told | None) -> Iterator[tuple[str, Told | None]]:
    """The only alert of a body."""
    yield "", told


def _number(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(written: str | float | None, request: IngestRequest, rejections: Rejections) -> int:
    """Never after the arrival: what ends an alert ends only what began before it."""
    if written is None or written == "":
        return request.received_at
    try:
        return min(nanoseconds(written, "time"), request.received_at)
    except InvalidInput:
        rejections.omit("time")
        return request.received_at
