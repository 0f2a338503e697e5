"""Akeso's look at its own pipeline: is inference fast, is it right, does every agent beat, is the model up to date?

A finding that stands is over only when what was seen since the pipeline was last changed says so: the values from
before a remedy neither prove that it helped nor that it did not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from akeso.domain.messages import Feedback
from akeso.stages.model.drift import DriftOptions, DriftSummary, drifted


@dataclass(frozen=True, slots=True)
class SelfCheckOptions:
    """What is expected of the detection pipeline itself.

    latency: upper bound of the mean inference time over `latency_events` events.
    latency_events: inferences whose mean time is compared with `latency`.
    latency_again: inferences since the last change after which a finding of slowness is judged anew.
    accuracy: lowest acceptable share of right decisions among `accuracy_events` judged ones.
    accuracy_events: decisions judged by feedback that the share is taken of.
    accuracy_again: judged decisions since the last change after which a finding of inaccuracy is judged anew.
    silence: longest acceptable time without a heartbeat of an agent.
    drift: when features have drifted from the model's reference.
    drift_window: the recent past that is compared with the model's reference; a retraining uses the same.
    drift_samples: how many slots of the recent past are kept for the comparison at most.
    drift_every: how often drift is looked for.
    drift_again: checks since the last change after which a finding of drift is judged anew.
    drift_settles: drift is a finding only once KS rose by no more than this within a quarter of the window: training on
        a change that is still under way would learn neither side of it.
    """

    latency: timedelta = timedelta(milliseconds=300)
    latency_events: int = 100
    latency_again: int = 5
    accuracy: float = 0.75
    accuracy_events: int = 200
    accuracy_again: int = 20
    silence: timedelta = timedelta(seconds=30)
    drift: DriftOptions = field(default_factory=DriftOptions)
    drift_window: timedelta = timedelta(minutes=5)
    drift_samples: int = 150
    drift_every: timedelta = timedelta(seconds=15)
    drift_again: int = 5
    drift_settles: float = 0.05


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Something is wrong with the pipeline itself. agent: which one; fault_class: see the shipped playbooks."""

    agent: str
    fault_class: str
    statement: str


INFERENCE_SLOW = "inference_slow"
MODEL_INACCURATE = "model_inaccurate"
AGENT_SILENT = "agent_silent"
FEATURE_DRIFT = "feature_drift"


def check_latency(
    latencies_ms: Sequence[float], options: SelfCheckOptions, standing: HealthFinding | None = None
) -> HealthFinding | None:
    """A finding when the newest `latency_events` inferences took too long on average; with fewer of them, what
    stands. latencies_ms: since the pipeline was last changed."""
    if len(latencies_ms) < (options.latency_events if standing is None else options.latency_again):
        return standing
    newest = latencies_ms[-options.latency_events :]
    mean = float(np.mean(newest))
    bound = options.latency / timedelta(milliseconds=1)
    if mean <= bound:
        return None
    text = f"inference takes {mean:.0f} ms on average over {len(newest)} events; the bound is {bound:.0f} ms"
    return HealthFinding("model", INFERENCE_SLOW, text)


def check_accuracy(
    feedback: Sequence[Feedback], options: SelfCheckOptions, standing: HealthFinding | None = None
) -> HealthFinding | None:
    """A finding when too few of the newest `accuracy_events` judged decisions were right; with fewer of them, what
    stands. feedback: on decisions since the pipeline was last changed."""
    if len(feedback) < (options.accuracy_events if standing is None else options.accuracy_again):
        return standing
    judged = feedback[-options.accuracy_events :] if standing is None else feedback[-options.accuracy_again :]
    right = share_right(judged)
    if right >= options.accuracy:
        return None
    text = f"{right:.1%} of the last {len(judged)} judged decisions were right; the bound is {options.accuracy:.0%}"
    return HealthFinding("model", MODEL_INACCURATE, text)


def share_right(feedback: Sequence[Feedback]) -> float:
    """Of the judged decisions; NaN without any."""
    return sum(f.anomalous == f.predicted for f in feedback) / len(feedback) if feedback else float("nan")


def check_heartbeats(
    beats: Mapping[str, datetime], now: datetime, options: SelfCheckOptions
) -> tuple[HealthFinding, ...]:
    """A finding for every agent that has beaten once and does not any more."""
    return tuple(
        HealthFinding(
            agent, AGENT_SILENT, f"agent {agent} gave its last heartbeat {(now - at).total_seconds():.0f} s ago"
        )
        for agent, at in sorted(beats.items())
        if now - at > options.silence
    )


def check_drift(
    summary: DriftSummary, *, rising: bool, options: SelfCheckOptions, standing: HealthFinding | None = None
) -> HealthFinding | None:
    """A finding when most features have drifted from the model's reference and are where they went. rising: KS
    still grows."""
    if not drifted(summary, options.drift):
        return None
    if rising and standing is None:
        return None
    text = (
        f"{summary.share:.0%} of {summary.features} features have drifted from what the model was trained on "
        f"(medians: PSI {summary.psi:.2f}, KS {summary.ks:.2f}, JS {summary.js:.2f}; "
        f"the bound is {options.drift.bound:g})"
    )
    return HealthFinding("model", FEATURE_DRIFT, text)
