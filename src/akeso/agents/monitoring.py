"""The monitoring agent: watches Akeso's own pipeline and raises alerts on it like on any other service."""

from collections import deque
from dataclasses import replace
from datetime import datetime

from akeso.domain.anomaly import Alert, AlertStatus, Severity
from akeso.domain.messages import Feedback, Heartbeat, Prediction
from akeso.ports.bus import Bus, Message, Topic
from akeso.stages.selfcheck import (
    Complaint,
    SelfCheckOptions,
    check_accuracy,
    check_heartbeats,
    check_latency,
)

SOURCE = "akeso.monitoring"


class MonitoringAgent:
    """Heartbeats, inference latency and feedback in; alerts on services named `akeso.<agent>` out."""

    name = "monitoring"
    topics = (Topic.AGENT_METRICS, Topic.PREDICTIONS, Topic.FEEDBACK)

    def __init__(self, bus: Bus, tenant: str, options: SelfCheckOptions | None = None) -> None:
        self._bus, self._tenant = bus, tenant
        self._options = options or SelfCheckOptions()
        self._beats: dict[str, datetime] = {}
        self._latencies: deque[float] = deque(maxlen=self._options.latency_events)
        self._feedback: deque[Feedback] = deque(maxlen=self._options.accuracy_events)
        self._firing: dict[tuple[str, str], Alert] = {}

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Heartbeat(agent=agent, at=at):
                self._beats[agent] = at
            case Prediction(latency_ms=latency_ms):
                self._latencies.append(latency_ms)
            case Feedback() as feedback:
                self._feedback.append(feedback)

    async def tick(self, at: datetime) -> None:
        """Raise what is new, resolve what is over."""
        complaints = {(c.agent, c.fault_class): c for c in self._complaints(at)}
        for key, complaint in complaints.items():
            if key not in self._firing:
                self._firing[key] = self._alert(complaint, at)
                await self._bus.publish(Topic.ALERTS, self._firing[key].fingerprint, self._firing[key])
        for key in self._firing.keys() - complaints.keys():
            await self._resolve(self._firing.pop(key), at)

    async def stop(self) -> None: ...

    def _complaints(self, at: datetime) -> list[Complaint]:
        found = [
            check_latency(tuple(self._latencies), self._options),
            check_accuracy(tuple(self._feedback), self._options),
            *check_heartbeats(self._beats, at, self._options),
        ]
        return [complaint for complaint in found if complaint is not None]

    def _alert(self, complaint: Complaint, at: datetime) -> Alert:
        return Alert(
            tenant=self._tenant,
            fingerprint=f"{SOURCE}:{complaint.agent}:{complaint.fault_class}",
            source=SOURCE,
            service=f"akeso.{complaint.agent}",
            title=complaint.statement,
            severity=Severity.ERROR,
            status=AlertStatus.FIRING,
            starts_at=at,
            fault_class=complaint.fault_class,
        )

    async def _resolve(self, alert: Alert, at: datetime) -> None:
        over = replace(alert, status=AlertStatus.RESOLVED, ends_at=at)
        await self._bus.publish(Topic.ALERTS, over.fingerprint, over)
