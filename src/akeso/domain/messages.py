"""What travels between agents, a type a topic (see akeso.ports.bus.Topic).

raw-events TelemetryBatch · features FeatureFrame · predictions Prediction · decisions Decision · agent-metrics
Heartbeat · feedback Feedback · alerts Alert · policy-requests PolicyQuestion · policy-decisions PolicyAnswer ·
config-updates ConfigUpdate · incident-log Entry
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.vote import Vote
from akeso.domain.incident.verdict import PolicyRequest, Verdict
from akeso.domain.telemetry.batches import FeatureFrame, Floats, SeriesKey


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """All detectors' opinions of one frame.

    detectors: d names; votes: d, what the word of each counts for; score: float64[d, n]; expected, spread: float64[n],
    of the detector with the most to say (NaN if none); model: version of the detection model; latency_ms: how long the
    scoring took; p_value: float64[n], how often a normal slot is scored as high (see
    akeso.stages.detection.significance), NaN no opinion; empty when nobody asked.
    """

    frame: FeatureFrame
    detectors: tuple[str, ...]
    votes: tuple[Vote, ...]
    score: NDArray[np.float64]
    expected: Floats
    spread: Floats
    model: str
    latency_ms: float
    p_value: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True)
class Decision:
    """What changed with one slot. end: slot end in ns; raised: series that are anomalous from this slot on (decided
    now); cleared: series that were and are normal again."""

    end: int
    raised: tuple[Anomaly, ...] = ()
    cleared: tuple[SeriesKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An agent is alive. lag_s: age of the message it handled last."""

    agent: str
    at: datetime
    handled: int = 0
    failed: int = 0
    lag_s: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Feedback:
    """Ground truth on a decision: was this service anomalous at that time? counts: whether the pipeline itself is
    judged by it; the word of one person alone moves no model."""

    tenant: str
    service: str
    at: datetime
    anomalous: bool
    predicted: bool
    by: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    id: str
    incident: str
    request: PolicyRequest


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    id: str
    incident: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """A setting changes at run time: safe_mode, threshold, model_version, …"""

    name: str
    value: str
    at: datetime
    by: str
    reason: str = ""
