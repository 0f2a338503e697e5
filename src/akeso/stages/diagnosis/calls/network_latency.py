"""What lies between a call and its answer: the time of a call that the called service did not have the request.

The client's span less the server's span is the way there and back with all that waits on it. Only durations are
compared, so clocks may differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import Floats, SpanKind
from akeso.domain.telemetry.traces import Rows, Traces
from akeso.stages.diagnosis.case_cache import cached_per_case

_FEWEST = 3  # calls before, and during
_LEAST_MS = 10.0  # a slower way is of no interest
_SPREADS = 4.0
_NORMAL = 1.4826  # MAD of a normal distribution to its standard deviation


@dataclass(frozen=True, slots=True)
class NetworkDelay:
    """The way between two services. Medians in ms; sure: how many standard errors the rise is; calls: during."""

    caller: str
    callee: str
    past_ms: float
    now_ms: float
    sure: float
    calls: int

    @property
    def risen_ms(self) -> float:
        return self.now_ms - self.past_ms

    @property
    def wide(self) -> bool:
        """Whether it rose by what matters and is no accident."""
        return self.risen_ms >= max(_LEAST_MS, self.past_ms) and self.sure >= _SPREADS


@cached_per_case
def network_delays(case: Case) -> tuple[NetworkDelay, ...]:
    """The gaps of a case (computed once, then shared: a case is hashed by identity)."""
    return tuple(gaps(case.traces, case.onset))


def gaps(traces: Traces, onset: int) -> list[NetworkDelay]:
    """The ways on which enough calls were seen after `onset` (ns)."""
    spans = traces.spans
    order = np.argsort(spans["span"])
    place = np.minimum(np.searchsorted(spans["span"], spans["parent"], sorter=order), len(spans) - 1)
    parent = order[place] if len(spans) else place
    called = (spans["span"][parent] == spans["parent"]) & (spans["kind"] == SpanKind.SERVER)
    called &= spans["kind"][parent] == SpanKind.CLIENT
    entry, call = spans[called], spans[parent[called]]
    wait_ms = ((call["end"] - call["start"]) - (entry["end"] - entry["start"])) / 1e6
    during = call["start"] > onset
    anywhere = _long(wait_ms[~during])
    found = []
    for names, mine in _edges(traces, call, entry).items():
        before, now = wait_ms[mine & ~during], wait_ms[mine & during]
        # A way that was not gone before is held to be like the longer ones of those that were.
        before = before if len(before) >= _FEWEST else anywhere
        if min(len(before), len(now)) >= _FEWEST:
            found.append(_delay(names, before, now))
    return found


def _long(waits_ms: Floats) -> Floats:
    """The upper tenth."""
    return np.sort(waits_ms)[-(len(waits_ms) // 10) :] if len(waits_ms) >= 10 else waits_ms[:0]


def _edges(traces: Traces, call: Rows, entry: Rows) -> Mapping[tuple[str, str], np.ndarray]:
    names = list(dict.fromkeys(place.service for place in traces.places))
    number = np.array([names.index(place.service) for place in traces.places], np.int64)
    caller, callee = number[call["place"]], number[entry["place"]]
    code = caller * len(names) + callee
    return {
        (names[each // len(names)], names[each % len(names)]): code == each
        for each in np.unique(code[caller != callee]).tolist()
    }


def _delay(names: tuple[str, str], before: Floats, during: Floats) -> NetworkDelay:
    past, now = float(np.median(before)), float(np.median(during))
    spread = _NORMAL * max(_mad(before), _mad(during), 0.25)
    # The median of n values varies by about 1.25 of what their mean would.
    error = 1.25 * spread * float(np.sqrt(1.0 / len(before) + 1.0 / len(during)))
    return NetworkDelay(*names, past_ms=past, now_ms=now, sure=(now - past) / error, calls=len(during))


def _mad(values: Floats) -> float:
    return float(np.median(np.abs(values - np.median(values))))
