"""CloudEvents: what pipelines, clusters and tools tell of themselves. https://cloudevents.io, https://cdevents.dev"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from akeso.domain.detection.anomaly import Alert, AlertStatus
from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import Change, LogBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, Identity, IngestRequest, Intake
from akeso.protocols.alertmanager import severity_named
from akeso.protocols.change_words import kind_of_change
from akeso.protocols.cloud_event import CloudEvent, events_of
from akeso.protocols.instant import moment, nanoseconds
from akeso.protocols.json_body import refuse_json
from akeso.protocols.json_items import accept_items
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.loki.log_streams import LEVELS, first_of, level_in, trace_in
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_number

_ALERT = re.compile(r"alert|alarm|incident|problem|outage")
_OVER = re.compile(r"resolv|clear|recover|clos|\bok\b|inactive|fixed")
_STATE = re.compile(r"\b(?:fir(?:ed|ing)|trigger(?:ed)?|raised|open(?:ed)?|created|detected|reported)\b")
# A pipeline that begins, a queue that is asked: nothing has changed yet.
_UNDONE = re.compile(r"\b(?:fail(?:ed|ure)|start(?:ed|ing)?|queued|requested|pending|cancel(?:l?ed)?|abort(?:ed)?)\b")
_CDEVENTS = "dev cdevents "
_DELIVERIES = {
    "service deployed": "deploy",
    "service upgraded": "deploy",
    "service removed": "deploy",
    "service rolledback": "rollback",
    "environment modified": "config",
}
_IDENTITIES = ("fingerprint", "dedup_key", "alert_id", "alertId", "incident_id", "incidentId", "alertname")
_TITLES = ("summary", "title", "message", "description", "text", "reason")
_VERSIONS = ("version", "revision", "commit", "sha", "build", "tag", "image")
_AUTHORS = ("by", "user", "author", "actor", "triggered_by")
_LINKS = ("url", "link", "href", "html_url", "uri")


@dataclass(frozen=True, slots=True)
class _Told:
    """An event and what its data says in plain words. at: ns."""

    event: CloudEvent
    words: Mapping[str, str]
    service: str
    at: int

    @property
    def title(self) -> str:
        return first_of(self.words, _TITLES)


class CloudEvents:
    """Structured, batched and binary events, told apart by their type.

    What speaks of alerts, alarms, incidents, problems or outages is an alert, firing or over, by `data.severity`; what
    speaks of deployments, releases, configuration, flags or scaling (CDEvents of services among them) is a change,
    unless it only began or failed; everything else is a log record. The service is named by a label of the data, else
    by the last part of the subject or source. An event of a batch that does not fit is left out and named.
    service_labels: the labels that may name it, the first that is there decides.
    """

    name = "cloud_events"
    paths = ("/api/v1/events",)

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        events = events_of(request, rejections)
        told = rejections.sift(events, lambda event: self._declared(event, request))
        rejections.check(len(told))
        kinds = [_kind(each.event.type) for each in told]
        alerts = tuple(_alert(each, request.tenant) for each, kind in zip(told, kinds, strict=True) if kind == "alert")
        logs = tuple(_record(each) for each, kind in zip(told, kinds, strict=True) if kind == "log")
        changed = [(each, kind) for each, kind in zip(told, kinds, strict=True) if kind not in {"alert", "log"}]
        changes = tuple(_change(each, kind) for each, kind in changed)
        batch = TelemetryBatch(request.tenant, request.received_at, logs=logs, changes=changes)
        names = [(_name(each.event), kind) for each, kind in zip(told, kinds, strict=True)]
        identity = Identity(
            logs=tuple(name for name, kind in names if kind == "log"),
            changes=tuple(name for name, kind in names if kind not in {"alert", "log"}),
            alerts=tuple(name for name, kind in names if kind == "alert"),
        )
        return replace(accept_items(batch, rejections, len(told), alerts), identity=identity)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the attribute."""
        del request
        return refuse_json(error, status)

    def _declared(self, event: CloudEvent, request: IngestRequest) -> _Told:
        at = request.received_at if event.time is None else nanoseconds(event.time, "time")
        words = _words(event.data)
        service = service_of(words, self._service_labels)
        return _Told(event, words, _otherwise(event) if service == UNKNOWN_SERVICE else service, at)


def _name(event: CloudEvent) -> str:
    """Source and id together are of one event alone (specification, id)."""
    return f"{event.source}\0{event.id}"


def _words(data: Any) -> dict[str, str]:
    """What is plain in the data; of a CDEvent, in its subject and the subject's content as well."""
    if not isinstance(data, dict):
        return {"message": data} if isinstance(data, str) else {}
    subject = data.get("subject")
    inner = _words(subject) | _words(subject.get("content")) if isinstance(subject, dict) else {}
    artifact = data.get("artifactId")
    own = {str(name): str(value) for name, value in data.items() if isinstance(value, str | int | float)}
    if isinstance(artifact, str) and "@" in artifact:
        own["version"] = artifact.rpartition("@")[2]
    return inner | own


def _otherwise(event: CloudEvent) -> str:
    subject = event.data.get("subject") if isinstance(event.data, dict) else None
    told = subject.get("id") if isinstance(subject, dict) else None
    name = told if isinstance(told, str) else event.subject or event.source
    return name.rstrip("/").rpartition("/")[2][:256] or UNKNOWN_SERVICE


def _kind(told: str) -> str:
    """What a type speaks of: "alert", a kind of change, or else "log"."""
    name = " ".join(re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", told).lower()))
    if _ALERT.search(name):
        return "alert"
    if name.startswith(_CDEVENTS):
        return next((kind for words, kind in _DELIVERIES.items() if name.startswith(f"{_CDEVENTS}{words}")), "log")
    return "log" if _UNDONE.search(name) else kind_of_change(name) or "log"


def _change(told: _Told, kind: str) -> Change:
    return Change(
        service=told.service,
        kind=kind,
        version=first_of(told.words, _VERSIONS),
        at=moment(told.at),
        by=first_of(told.words, _AUTHORS),
        url=first_of(told.words, _LINKS),
        labels=(("id", told.event.id), ("source", told.event.source), ("type", told.event.type)),
    )


def _alert(told: _Told, tenant: str) -> Alert:
    event, name = told.event, told.event.type.lower()
    over = bool(_OVER.search(name) or _OVER.search(told.words.get("status", told.words.get("state", "")).lower()))
    return Alert(
        tenant=tenant,
        fingerprint=_fingerprint(told, tenant),
        source=CloudEvents.name,
        service=told.service,
        title=told.title or event.type,
        severity=severity_named(first_of(told.words, ("severity", "priority", "level"))),
        status=AlertStatus.RESOLVED if over else AlertStatus.FIRING,
        starts_at=moment(told.at),
        ends_at=moment(told.at) if over else None,
        labels=tuple(sorted(told.words.items())),
        annotations=(("id", event.id), ("source", event.source), ("type", event.type)),
    )


def _fingerprint(told: _Told, tenant: str) -> str:
    """Every event has an id of its own, so what begins and what ends is told by the data, the subject or the type."""
    event = told.event
    plain = _STATE.sub("", re.sub(r"\b\w*(?:" + _OVER.pattern + r")\w*\b", "", event.type.lower()))
    named = first_of(told.words, _IDENTITIES) or event.subject or f"{told.service}\0{plain}"
    return hashlib.sha256(f"{CloudEvents.name}\0{tenant}\0{event.source}\0{named}".encode()).hexdigest()[:16]


def _record(told: _Told) -> LogBlock:
    said = told.title or (msgspec.json.encode(told.event.data).decode() if told.event.data is not None else "")
    level = severity_number(first_of(told.words, LEVELS)) or level_in(said)
    # 00-<trace id>-<span id>-<flags>
    trace = trace_in((told.event.traceparent or "").partition("-")[2].partition("-")[0])
    body = f"{told.event.type}: {said}" if said else told.event.type
    return LogBlock(
        told.service, np.array([told.at]), np.array([level], np.uint8), (body,), np.array([trace], np.uint64)
    )
