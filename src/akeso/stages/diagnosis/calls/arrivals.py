"""Whether calls that fail arrived at whom they were made to: as many requests as calls, counted on both sides.

A service that tells of its requests is well only as far as it tells of the ones that matter. Of calls that were refused
or lost on the way it tells nothing, and what it told before says nothing about now.
"""

from collections.abc import Sequence
from enum import Enum, auto

import numpy as np

from akeso.domain.estate.topology import Topology
from akeso.domain.telemetry.batches import Floats, Mask
from akeso.domain.telemetry.signal import RED_RATE
from akeso.stages.diagnosis.calls.call_effects import FAILING
from akeso.stages.diagnosis.symptoms import Call, SeriesDeviation, Symptoms, usual_pause

_FEWEST = 3.0  # that fail, and should have arrived; of fewer, none may come by chance (Poisson: one in twenty)
_CHANCE = 1.7  # standard deviations by which a count may fall short
_OTHERS = 1.5  # more requests than so many times the calls: others come, and cannot be told apart


class Arrival(Enum):
    """What became of calls that failed."""

    ARRIVED = auto()  # the callee had them, or nobody can tell
    LOST = auto()  # the callee should have told of them by now, and told of fewer
    NOT_TOLD = auto()  # the callee's next report is not due yet


def arrival(symptoms: Symptoms, topology: Topology, callee: str) -> Arrival:
    """Whether the calls to a service that newly fail arrived there, by what it and all its known callers tell."""
    served = symptoms.find(callee, RED_RATE)
    calls = [symptoms.call(e.caller, callee) for e in topology.callers(callee) if not e.asynchronous]
    made, failed = _total(symptoms, [c.rate for c in calls]), _failed(symptoms, calls)
    if served is None or not failed.any() or failed.sum() < FAILING * made[symptoms.during].sum():
        return Arrival.ARRIVED
    received = np.nan_to_num(symptoms.values(served))
    usual = _ratio(received, made, ~symptoms.during)
    if not 0 < usual <= _OTHERS:
        return Arrival.ARRIVED
    pause, since = usual_pause(received[~symptoms.during]), _since(received)
    if since > pause + 1:  # the newest slot may not be whole
        return Arrival.LOST
    due = symptoms.during & (np.arange(len(made)) < len(made) - pause)
    width = usual * symptoms.slot_s
    if width * failed[due].sum() < _FEWEST:
        return Arrival.NOT_TOLD if pause else Arrival.ARRIVED
    expected, came = width * made[due].sum(), symptoms.slot_s * received[symptoms.during].sum()
    missing = expected - came
    lost = missing >= max(0.5 * width * failed[due].sum(), _CHANCE * np.sqrt(expected))
    return Arrival.LOST if lost else Arrival.ARRIVED


def _total(symptoms: Symptoms, rates: Sequence[SeriesDeviation | None]) -> Floats:
    total: Floats = np.zeros(len(symptoms.during))
    for rate in rates:
        if rate is not None:
            total = total + np.nan_to_num(symptoms.values(rate))
    return total


def _failed(symptoms: Symptoms, calls: Sequence[Call]) -> Floats:
    """float64[t]: calls a second that newly failed; 0 before the onset."""
    total: Floats = np.zeros(len(symptoms.during))
    for call in calls:
        if call.rate is not None and call.errors is not None and call.errors.rise > 0:
            shares = np.maximum(0.0, symptoms.values(call.errors) - call.errors.past)
            total = total + np.nan_to_num(symptoms.values(call.rate) * shares)
    return np.where(symptoms.during, total, 0.0)


def _ratio(received: Floats, made: Floats, when: Mask) -> float:
    calls = float(made[when].sum())
    return float(received[when].sum()) / calls if calls else 0.0


def _since(received: Floats) -> int:
    """Slots after the newest in which something was received."""
    there = np.flatnonzero(received > 0)
    return len(received) - 1 - int(there[-1]) if len(there) else len(received)
