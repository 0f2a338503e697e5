"""PetShop: its issues, slices of its normal days, and faults added to its normal days at other nodes.

An added fault takes `more_ms` longer, or fails `failing` of the requests, at one node in the two last steps of a slice,
and is carried to the callers along the call graph: a caller gets the callee's loss times its calls a request (the
callee's requests are shared out over its callers by their own requests). Nodes of ten or more requests a minute.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akeso.bench.corpus.known import Known, names, never
from akeso.bench.datasets import petshop
from akeso.domain.estate.topology import Topology
from akeso.domain.telemetry.batches import Floats, SeriesKey
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_P95, RED_RATE, RED_SELF

_BUSY_PER_S = 10.0 / 60.0
_STRENGTHS: tuple[tuple[float, float], ...] = ((100.0, 0.0), (250.0, 0.0), (600.0, 0.0), (0.0, 0.05), (0.0, 0.2))
_FELT_MS, _FELT_SHARE = 10.0, 0.01  # less at the front door raises no alarm
_MOST_CALLS = 5.0
_EVERY = 140  # steps from one slice to the next: two a day


@dataclass(frozen=True, slots=True)
class Added:
    """A fault that is added."""

    node: str
    more_ms: float
    failing: float


def cases(data: Path) -> Iterator[Known]:
    """Everything that a folder with PetShop in it gives; nothing when it has none."""
    for scenario in petshop.scenarios(data):
        name = str(scenario.folder.relative_to(data))
        for target in sorted(scenario.folder.glob("*/issue_*/target.json")):
            case, truth = scenario.case(target.parent)
            label = str(target.parent.relative_to(data))
            yield Known("petshop", label, f"petshop/{target.parent.parent.name}/{truth}", case, names(truth))
        for at, case in scenario.calm():
            yield Known("petshop calm", f"{name}/noissue@{at:.0f}", f"petshop calm/{name}", case, never, derived=True)
        yield from _added(name, scenario)


def _added(name: str, scenario: petshop.Scenario) -> Iterator[Known]:
    nodes = busy_nodes(scenario)
    for number, node in enumerate(nodes):
        for more_ms, failing in _STRENGTHS:
            fault = Added(node, more_ms, failing)
            for at, sheet in scenario.slices(4, _EVERY, number * 7):
                worse = with_fault(sheet, scenario.topology, fault)
                alarm = scenario.alarm(sheet, worse, (_FELT_MS, _FELT_SHARE))
                if alarm is not None:
                    case = scenario.case_of(worse, alarm)
                    label = f"{name}/{node}+{more_ms:.0f}ms+{failing:.0%}@{at:.0f}"
                    yield Known("petshop added", label, f"petshop added/{node}", case, names(node), derived=True)


def busy_nodes(scenario: petshop.Scenario) -> list[str]:
    """Nodes with enough requests that have a latency, sorted."""
    columns = scenario.normal.columns
    rates = {key.service: float(np.nanmean(v)) for key, v in columns.items() if key.metric == RED_RATE}
    timed = {key.service for key in columns if key.metric == RED_MEAN}
    return sorted(node for node, rate in rates.items() if node in timed and rate >= _BUSY_PER_S)


def with_fault(sheet: petshop.Sheet, topology: Topology, fault: Added) -> petshop.Sheet:
    """The sheet with the fault in its two last steps."""
    rates = {key.service: float(np.nanmean(v)) for key, v in sheet.columns.items() if key.metric == RED_RATE}
    losses = carried(topology, rates, fault.node)
    columns = {key: _worse(key, values, losses, fault) for key, values in sheet.columns.items()}
    return petshop.Sheet(sheet.times, columns)


def carried(topology: Topology, rates: Mapping[str, float], node: str) -> Mapping[str, float]:
    """Node → what a request to it loses for each unit that a request to `node` loses. Over synchronous calls only."""
    losses = {node: 1.0}
    frontier = [node]
    while frontier:
        callee = frontier.pop(0)
        callers = [e.caller for e in topology.callers(callee) if not e.asynchronous and rates.get(e.caller, 0.0) > 0]
        total = sum(rates[c] for c in callers)
        for caller in callers:
            if caller in losses:
                continue
            # All callers make the same number of calls a request, as far as anybody can tell.
            losses[caller] = losses[callee] * min(_MOST_CALLS, rates.get(callee, 0.0) / total)
            frontier.append(caller)
    return losses


def _worse(key: SeriesKey, values: Floats, losses: Mapping[str, float], fault: Added) -> Floats:
    loss = losses.get(key.service, 0.0)
    if not loss:
        return values
    worse = values.copy()
    if key.metric in {RED_MEAN, RED_P95, RED_SELF}:
        worse[-2:] += loss * fault.more_ms
    elif key.metric == RED_ERRORS:
        worse[-2:] = 1.0 - (1.0 - worse[-2:]) * (1.0 - min(1.0, loss * fault.failing))
    return worse
