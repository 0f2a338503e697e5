"""The simple event: one measurement of a component, answered with what Akeso thinks of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, LogBlock, MetricBlock, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import moment, nanoseconds
from akeso.protocols.json_body import accept_json, parse_json, refuse_json
from akeso.protocols.series_limit import within_limit

Amount = Annotated[float, Meta(ge=0)]

_INFO, _ERROR = 9, 17
_AGAIN_NS, _MOST = 60 * NANOSECONDS, 10_000
_UNITS = {"latency": "ms", "error_rate": "1", "throughput": "1/s", "cpu": "", "memory": ""}


class Event(msgspec.Struct, frozen=True):
    """latency: ms; error_rate: a fraction; throughput: per second; timestamp: ISO 8601 or epoch."""

    component: Annotated[str, Meta(min_length=1, max_length=256)]
    latency: Amount
    error_rate: Annotated[float, Meta(ge=0, le=1)]
    timestamp: str | int | float | None = None
    throughput: Amount | None = None
    cpu: Amount | None = None
    memory: Amount | None = None
    message: str | None = None
    labels: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Breach:
    """A threshold that was passed."""

    metric: str
    finding: str
    remedy: str


class SimpleEvent:
    """Judges each event by static thresholds and hands its numbers to the detectors as well.

    latency_ms, error_rate: an event above either is an anomaly and raises an alert, one a component; the first event
    below both ends it.
    """

    name = "simple_event"
    paths = ("/add-event",)

    def __init__(self, latency_ms: float = 150.0, error_rate: float = 0.05) -> None:
        self._latency_ms, self._error_rate = latency_ms, error_rate
        self._decoder = msgspec.json.Decoder(Event)
        self._calm: dict[tuple[str, str], int] = {}  # component → when its end was last told, ns

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        event = parse_json(self._decoder, request.body)
        at = request.received_at if event.timestamp is None else nanoseconds(event.timestamp, "timestamp")
        breaches = tuple(self._breaches(event))
        if breaches:
            self._calm.pop((request.tenant, event.component), None)
        labels = tuple(sorted((event.labels or {}).items()))
        batch = TelemetryBatch(
            request.tenant,
            request.received_at,
            metrics=_points(event, request.tenant, at, labels, table),
            logs=_message(event, at, bool(breaches)),
        )
        ends = not breaches and self._may_end(request.tenant, event.component, request.received_at)
        told = breaches or ends
        alerts = (_alert(event, request.tenant, at, labels, breaches),) if told else ()
        return Intake(batch, self._answer(event, at, breaches), alerts)

    def with_precedents(self, answer: Answer, count: int) -> Answer:
        """See akeso.ports.source.NamesPrecedents."""
        told = msgspec.json.decode(answer.body)
        if told["event"]["status"] == "Normal":
            return answer
        known = {0: "No similar incident is known", 1: "1 similar incident is known"}
        told["event"]["analysis"] += f" {known.get(count, f'{count} similar incidents are known')}."
        told["event"]["similar_incidents"] = count
        return replace(answer, body=msgspec.json.encode(told))

    def _may_end(self, tenant: str, component: str, now: int) -> bool:
        """Whether the end of its alert is to be told. Of what stays calm it is told again after a minute: whether the
        last time was made durable is not known here, nor what was told before a restart."""
        told = self._calm.get((tenant, component))
        if told is not None and now - told < _AGAIN_NS:
            return False
        if len(self._calm) >= _MOST:
            self._calm.clear()
        self._calm[tenant, component] = now
        return True

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)

    def _breaches(self, event: Event) -> Iterator[_Breach]:
        if event.latency > self._latency_ms:
            finding = f"latency {event.latency:g} ms is above {self._latency_ms:g} ms"
            yield _Breach("latency", finding, f"add instances of {event.component} or restart it")
        if event.error_rate > self._error_rate:
            finding = f"error rate {event.error_rate:.1%} is above {self._error_rate:.1%}"
            yield _Breach("error_rate", finding, f"roll back the last change of {event.component} or restart it")

    def _answer(self, event: Event, at: int, breaches: tuple[_Breach, ...]) -> Answer:
        content = {
            "timestamp": moment(at).isoformat().replace("+00:00", "Z"),
            "component": event.component,
            "status": "Anomaly" if breaches else "Normal",
            "analysis": self._analysis(event, breaches),
            "healing_action": "; ".join(_capitalised(breach.remedy) for breach in breaches) or "No action needed",
        }
        return accept_json({"status": "ok", "event": content})

    def _analysis(self, event: Event, breaches: tuple[_Breach, ...]) -> str:
        if breaches:
            return f"{event.component}: {' and '.join(breach.finding for breach in breaches)}."
        latency = f"latency {event.latency:g} ms (up to {self._latency_ms:g} ms is normal)"
        return f"{event.component}: {latency}, error rate {event.error_rate:.1%} (up to {self._error_rate:.1%})."


def _points(event: Event, tenant: str, at: int, labels: Attributes, table: SeriesTable) -> MetricBlock:
    found = {name: getattr(event, name) for name in _UNITS if getattr(event, name) is not None}
    series = table.intern_all(SeriesKey(tenant, event.component, name, labels, _UNITS[name]) for name in found)
    block = MetricBlock(series, np.full(len(found), at, np.int64), np.array([*found.values()], np.float64))
    _, beyond = within_limit(block, table, tenant)
    if beyond:
        raise InvalidInput("component", beyond)
    return block


def _message(event: Event, at: int, anomalous: bool) -> tuple[LogBlock, ...]:
    if not event.message:
        return ()
    severity = np.array([_ERROR if anomalous else _INFO], np.uint8)
    return (LogBlock(event.component, np.array([at]), severity, (event.message,), np.zeros(1, np.uint64)),)


def _alert(event: Event, tenant: str, at: int, labels: Attributes, breaches: tuple[_Breach, ...]) -> Alert:
    kinds = ",".join(breach.metric for breach in breaches)
    identity = "\0".join((tenant, event.component))
    findings = " and ".join(breach.finding for breach in breaches) or "latency and error rate are normal"
    return Alert(
        tenant=tenant,
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:16],
        source=SimpleEvent.name,
        service=event.component,
        title=f"{event.component}: {findings}",
        severity=Severity.CRITICAL if len(breaches) > 1 else Severity.ERROR,
        status=AlertStatus.FIRING if breaches else AlertStatus.RESOLVED,
        starts_at=moment(at),
        ends_at=None if breaches else moment(at),
        labels=tuple(sorted((dict(labels) | {"breached": kinds}).items())),
        annotations=(("message", event.message),) if event.message else (),
    )


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
