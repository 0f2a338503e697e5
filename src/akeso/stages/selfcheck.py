"""Akeso's look at its own pipeline: is inference fast, is it right, does every agent beat?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from akeso.domain.messages import Feedback


@dataclass(frozen=True, slots=True)
class SelfCheckOptions:
    """latency: bound of the mean inference time over `latency_events` events; accuracy: lowest share of right
    decisions over `accuracy_events` feedback events; silence: longest time without a heartbeat."""

    latency: timedelta = timedelta(milliseconds=300)
    latency_events: int = 100
    accuracy: float = 0.75
    accuracy_events: int = 200
    silence: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something is wrong with the pipeline itself. agent: which one; fault_class: see the shipped playbooks."""

    agent: str
    fault_class: str
    statement: str


INFERENCE_SLOW = "inference_slow"
MODEL_INACCURATE = "model_inaccurate"
AGENT_SILENT = "agent_silent"


def check_latency(latencies_ms: Sequence[float], options: SelfCheckOptions) -> Complaint | None:
    """A complaint when the newest `latency_events` inferences took too long on average; None with fewer of them."""
    if len(latencies_ms) < options.latency_events:
        return None
    mean = float(np.mean(latencies_ms[-options.latency_events :]))
    bound = options.latency / timedelta(milliseconds=1)
    if mean <= bound:
        return None
    text = f"inference takes {mean:.0f} ms on average over {options.latency_events} events; the bound is {bound:.0f} ms"
    return Complaint("model", INFERENCE_SLOW, text)


def check_accuracy(feedback: Sequence[Feedback], options: SelfCheckOptions) -> Complaint | None:
    """A complaint when too few of the newest `accuracy_events` judged decisions were right; None with fewer of them."""
    if len(feedback) < options.accuracy_events:
        return None
    judged = feedback[-options.accuracy_events :]
    right = sum(f.anomalous == f.predicted for f in judged) / len(judged)
    if right >= options.accuracy:
        return None
    text = f"{right:.1%} of the last {len(judged)} judged decisions were right; the bound is {options.accuracy:.0%}"
    return Complaint("model", MODEL_INACCURATE, text)


def check_heartbeats(beats: Mapping[str, datetime], now: datetime, options: SelfCheckOptions) -> tuple[Complaint, ...]:
    """A complaint for every agent that has beaten once and does not any more."""
    return tuple(
        Complaint(agent, AGENT_SILENT, f"agent {agent} gave its last heartbeat {(now - at).total_seconds():.0f} s ago")
        for agent, at in sorted(beats.items())
        if now - at > options.silence
    )
