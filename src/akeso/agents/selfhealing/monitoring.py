"""The monitoring agent: watches Akeso's own pipeline and raises alerts on it like on any other service."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from akeso.agents.selfhealing.drift_watch import DriftWatch
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.estate.access import AKESO
from akeso.domain.messages import ConfigUpdate, Decision, Feedback, Heartbeat, Prediction
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.model_registry import ModelRegistry
from akeso.stages.model.self_check import (
    FEATURE_DRIFT,
    INFERENCE_SLOW,
    MODEL_INACCURATE,
    HealthFinding,
    SelfCheckOptions,
    check_accuracy,
    check_drift,
    check_heartbeats,
    check_latency,
    share_right,
)

SOURCE = "akeso.monitoring"
_CHANGES = frozenset({"safe_mode", "model_version"})
_MS = 1e6  # nanoseconds
_DELAYS = 1000


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What the agent looks at besides messages. features: the table that frames refer to."""

    clock: Clock
    registry: ModelRegistry
    features: SeriesTable


class MonitoringAgent:
    """Heartbeats, predictions, decisions and feedback in; alerts on services named `akeso.<agent>` out."""

    name = "monitoring"
    topics = (Topic.AGENT_METRICS, Topic.PREDICTIONS, Topic.DECISIONS, Topic.FEEDBACK, Topic.CONFIG_UPDATES)

    def __init__(
        self, bus: Bus, tenant: str, options: SelfCheckOptions | None = None, surveyed: Surveyed | None = None
    ) -> None:
        self._bus, self._tenant = bus, tenant
        self._options = options = options or SelfCheckOptions()
        self._clock = surveyed.clock if surveyed else None
        self._drift = DriftWatch(surveyed.registry, surveyed.features, options) if surveyed else None
        self._beats: dict[str, datetime] = {}
        self._latencies: deque[float] = deque(maxlen=options.latency_events)
        self._delays: deque[float] = deque(maxlen=_DELAYS)
        self._feedback: deque[Feedback] = deque(maxlen=options.accuracy_events)
        self._changed_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._firing: dict[tuple[str, str], tuple[HealthFinding, Alert]] = {}

    async def start(self) -> None:
        """Drift is measured against the champion."""
        if self._drift is not None:
            await self._drift.begin()

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Heartbeat(agent=agent, at=at):
                self._beats[agent] = at
            case Prediction(frame=frame) as prediction if not frame.partial:
                self._latencies.append(prediction.latency_ms)
                if self._drift is not None:
                    self._drift.saw(frame)
            case Decision() as decision:
                if self._clock is not None:
                    self._delays.append((self._clock.nanoseconds() - decision.end) / _MS)
                if self._drift is not None:
                    self._drift.decided(decision)
            case Feedback(counts=True) as feedback:
                # Of decisions that another model made, nothing follows for this one.
                if self._changed_at is None or feedback.at >= self._changed_at:
                    self._feedback.append(feedback)
            case ConfigUpdate() as update if update.name in _CHANGES:
                await self._changed(update)

    async def tick(self, at: datetime) -> None:
        """Raise what is new, resolve what is over."""
        findings = {(c.agent, c.fault_class): c for c in await self._findings(at)}
        for key, finding in findings.items():
            if key not in self._firing:
                alert = self._alert(finding, at)
                self._firing[key] = finding, alert
                await self._bus.publish(Topic.ALERTS, alert.fingerprint, alert)
        for key in self._firing.keys() - findings.keys():
            await self._resolve(self._firing.pop(key)[1], at)

    async def stop(self) -> None: ...

    @property
    def numbers(self) -> Mapping[str, float]:
        """What is seen now; NaN for what is not known. inference_ms: mean over the window since the last change;
        delay_ms_…: from the end of a slot to its decision."""
        drift = self._drift.summary if self._drift else None
        return {
            "inference_ms": _mean(self._latencies),
            "inference_events": float(len(self._latencies)),
            "accuracy": share_right(tuple(self._feedback)),
            "feedback_events": float(len(self._feedback)),
            "delay_ms_p50": _quantile(self._delays, 50),
            "delay_ms_p99": _quantile(self._delays, 99),
            "drift_features": float(drift.features) if drift else float("nan"),
            "drift_share": drift.share if drift else float("nan"),
            "drift_psi": drift.psi if drift else float("nan"),
            "drift_ks": drift.ks if drift else float("nan"),
            "drift_js": drift.js if drift else float("nan"),
        }

    @property
    def beats(self) -> Mapping[str, datetime]:
        """Agent → its last heartbeat."""
        return dict(self._beats)

    @property
    def findings(self) -> tuple[HealthFinding, ...]:
        """What is wrong now."""
        return tuple(finding for finding, _ in self._firing.values())

    async def _changed(self, update: ConfigUpdate) -> None:
        self._changed_at = update.at
        self._latencies.clear()
        self._feedback.clear()
        if update.name == "model_version" and self._drift is not None:
            await self._drift.compare_with(update.value)

    async def _findings(self, at: datetime) -> list[HealthFinding]:
        options = self._options
        found = [
            check_latency(tuple(self._latencies), options, self._standing(INFERENCE_SLOW)),
            check_accuracy(tuple(self._feedback), options, self._standing(MODEL_INACCURATE)),
            await self._check_drift(at),
            *check_heartbeats(self._beats, at, options),
        ]
        return [finding for finding in found if finding is not None]

    async def _check_drift(self, at: datetime) -> HealthFinding | None:
        standing = self._standing(FEATURE_DRIFT)
        if self._drift is None or (self._looked_at and at - self._looked_at < self._options.drift_every):
            return standing
        self._looked_at = at
        summary = await self._drift.look(at)
        if summary is None:
            return standing
        return check_drift(summary, rising=self._drift.rising, options=self._options, standing=standing)

    def _standing(self, fault_class: str) -> HealthFinding | None:
        found = self._firing.get(("model", fault_class))
        return found[0] if found else None

    def _alert(self, finding: HealthFinding, at: datetime) -> Alert:
        return Alert(
            tenant=self._tenant,
            fingerprint=f"{SOURCE}:{finding.agent}:{finding.fault_class}",
            source=SOURCE,
            service=f"akeso.{finding.agent}",
            title=finding.statement,
            severity=Severity.ERROR,
            status=AlertStatus.FIRING,
            starts_at=at,
            author=AKESO,
            fault_class=finding.fault_class,
        )

    async def _resolve(self, alert: Alert, at: datetime) -> None:
        over = replace(alert, status=AlertStatus.RESOLVED, ends_at=at)
        await self._bus.publish(Topic.ALERTS, over.fingerprint, over)


def _mean(values: "deque[float]") -> float:
    return float(np.mean(values)) if values else float("nan")


def _quantile(values: "deque[float]", percent: float) -> float:
    return float(np.percentile(values, percent)) if values else float("nan")
