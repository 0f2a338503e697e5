"""PagerDuty's Events API v2: alerts and changes. https://developer.pagerduty.com/docs/events-api-v2/overview/"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import Attributes, Change, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.change_words import kind_of_change
from akeso.protocols.instant import moment, nanoseconds
from akeso.protocols.json_body import accept_json, parse_json
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE

_ENQUEUE, _CHANGE = "/v2/enqueue", "/v2/change/enqueue"
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
}
_VERSIONS = ("version", "revision", "commit", "sha", "build", "image", "tag")

Key = Annotated[str, Meta(max_length=255)]


class _Payload(msgspec.Struct, frozen=True):
    summary: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | int | float | None = None
    component: str | None = None
    group: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    custom_details: Any = None


class _Link(msgspec.Struct, frozen=True):
    href: str = ""


class _Event(msgspec.Struct, frozen=True):
    event_action: Literal["trigger", "acknowledge", "resolve"]
    routing_key: str = ""
    dedup_key: Key | None = None
    payload: _Payload | None = None
    client: str | None = None
    client_url: str | None = None
    links: list[_Link] | None = None


class _ChangePayload(msgspec.Struct, frozen=True):
    summary: Annotated[str, Meta(min_length=1)]
    source: str | None = None
    timestamp: str | int | float | None = None
    custom_details: Any = None


class _ChangeEvent(msgspec.Struct, frozen=True):
    payload: _ChangePayload
    routing_key: str = ""
    links: list[_Link] | None = None


class _Routing(msgspec.Struct, frozen=True):
    routing_key: str = ""


class PagerdutyEvents:
    """Triggered events open alerts and resolved ones close them by `dedup_key`; change events become changes.

    Somebody's acknowledgement changes nothing here and is answered like the others. Without a `dedup_key` a trigger
    gets one of the event's content, so that the same event sent again is the same alert. The service is named by a
    label of `custom_details`, else `component`, `group` or `source`. The routing key is the API key where no header has
    one. service_labels: the details that may name the service, the first that is there decides.
    """

    name = "pagerduty_events"
    paths = (_ENQUEUE, _CHANGE)

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._event = msgspec.json.Decoder(_Event)
        self._change = msgspec.json.Decoder(_ChangeEvent)
        self._routing = msgspec.json.Decoder(_Routing)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        return self._changed(request) if request.path.rstrip("/") == _CHANGE else self._alerted(request)

    def key_in(self, body: bytes) -> str:
        """See akeso.ports.source.HoldsKey."""
        try:
            return parse_json(self._routing, body).routing_key
        except InvalidInput:
            return ""

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """PagerDuty's form of an error; 400 for an event that is invalid."""
        del request
        body = {"status": "invalid event" if status == 422 else "error", "message": str(error), "errors": [str(error)]}
        return Answer(400 if status == 422 else status, msgspec.json.encode(body))

    def _alerted(self, request: IngestRequest) -> Intake:
        event = parse_json(self._event, request.body)
        key = event.dedup_key or self._made_key(event, request)
        batch = TelemetryBatch(request.tenant, request.received_at)
        answer = accept_json({"status": "success", "message": "Event processed", "dedup_key": key}, 202)
        match event.event_action:
            case "trigger":
                return Intake(batch, answer, (self._firing(event, key, request),))
            case "resolve":
                return Intake(batch, answer, (_resolved(key, request),))
            case _:
                return Intake(batch, answer)

    def _made_key(self, event: _Event, request: IngestRequest) -> str:
        if event.event_action != "trigger":
            raise InvalidInput("dedup_key", f"is missing; what is there to {event.event_action}?")
        return hashlib.sha256(request.body).hexdigest()[:32]

    def _firing(self, event: _Event, key: str, request: IngestRequest) -> Alert:
        payload = event.payload
        if payload is None:
            raise InvalidInput("payload", "is missing")
        given = {"component": payload.component, "group": payload.group, "class": payload.class_}
        labels = _details(payload.custom_details) | {name: value for name, value in given.items() if value}
        urls = [link.href for link in event.links or () if link.href]
        notes = {"source": payload.source, "client": event.client, "client_url": event.client_url}
        notes |= {"link": urls[0]} if urls else {}
        return Alert(
            tenant=request.tenant,
            fingerprint=_fingerprint(request.tenant, key),
            source=PagerdutyEvents.name,
            service=self._service(labels, payload.component or payload.group or payload.source),
            title=payload.summary,
            severity=_SEVERITIES[payload.severity],
            status=AlertStatus.FIRING,
            starts_at=_at(payload.timestamp, request),
            labels=tuple(sorted(labels.items())),
            annotations=tuple(sorted((name, note) for name, note in notes.items() if note)),
        )

    def _service(self, labels: dict[str, str], otherwise: str) -> str:
        found = service_of(labels, self._service_labels)
        return otherwise if found == UNKNOWN_SERVICE else found

    def _changed(self, request: IngestRequest) -> Intake:
        event = parse_json(self._change, request.body)
        payload = event.payload
        details = _details(payload.custom_details)
        change = Change(
            service=self._service(details, payload.source or UNKNOWN_SERVICE),
            kind=kind_of_change(f"{details.get('kind', '')} {payload.summary}") or "deploy",
            version=next((details[name] for name in _VERSIONS if details.get(name)), ""),
            at=_at(payload.timestamp, request),
            by=details.get("user") or details.get("by") or payload.source or "",
            url=next((link.href for link in event.links or () if link.href), ""),
            labels=_sorted(details | {"summary": payload.summary}),
        )
        answer = accept_json({"status": "success", "message": "Change event processed"}, 202)
        return Intake(TelemetryBatch(request.tenant, request.received_at, changes=(change,)), answer)


def _resolved(key: str, request: IngestRequest) -> Alert:
    """PagerDuty's senders resolve by key alone, so nothing else is known of the alert."""
    return Alert(
        tenant=request.tenant,
        fingerprint=_fingerprint(request.tenant, key),
        source=PagerdutyEvents.name,
        service=UNKNOWN_SERVICE,
        title=key,
        severity=Severity.INFO,
        status=AlertStatus.RESOLVED,
        starts_at=moment(request.received_at),
        ends_at=moment(request.received_at),
    )


def _fingerprint(tenant: str, key: str) -> str:
    return hashlib.sha256(f"{PagerdutyEvents.name}\0{tenant}\0{key}".encode()).hexdigest()[:16]


def _at(told: str | float | None, request: IngestRequest) -> datetime:
    """When it began, but not after it was told: a resolution ends only what began before it."""
    at = request.received_at if told is None else nanoseconds(told, "payload.timestamp")
    return moment(min(at, request.received_at))


def _details(details: Any) -> dict[str, str]:
    """Details are whatever a sender likes: what is plain becomes labels."""
    if not isinstance(details, dict):
        return {"details": str(details)} if details else {}
    plain = (str, int, float)
    return {str(name): str(value) for name, value in details.items() if isinstance(value, plain) and value != ""}


def _sorted(labels: dict[str, str]) -> Attributes:
    return tuple(sorted(labels.items()))
