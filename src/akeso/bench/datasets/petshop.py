"""PetShop (CC-BY-4.0): latency, availability and requests of a shop in 5-minute steps, read as cases of a diagnosis.

A column is a (node, metric, statistic); a row's time is the start of its step. The normal data were measured at another
time than the issues, so a case sees them as if they had been taken on an earlier day.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from akeso.bench.datasets.labelled import LabelledCase
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.errors import InvalidInput
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import FaultClass, Hypothesis
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_P95, RED_RATE, Signal
from akeso.domain.telemetry.times import instant_of
from akeso.stages.diagnosis.symptoms import read
from akeso.stages.features.metric_meanings import signal_of

STEP_S = 300
PAUSE_S = 86_400  # nothing is known of the time between the normal data and an issue
FAULT_S = 600  # every issue of the set was held for ten minutes
TENANT = "bench"
CASES = LOOKED_FOR = "*/*/issue_*/target.json"
_HEADER = 3

# (metric, statistic) of the set → what Akeso derives from spans, its unit, and how the one becomes the other
_READS: Mapping[tuple[str, str], tuple[str, str, Callable[[Floats], Floats]]] = {
    ("latency", "Average"): (RED_MEAN, "ms", lambda seconds: 1000.0 * seconds),
    ("latency", "p95"): (RED_P95, "ms", lambda seconds: 1000.0 * seconds),
    ("availability", "Average"): (RED_ERRORS, "1", lambda percent: 1.0 - percent / 100.0),
    ("requests", "Sum"): (RED_RATE, "1/s", lambda requests: requests / STEP_S),
}
_NAMES = {RED_MEAN: "latency", RED_P95: "latency", RED_ERRORS: "availability", RED_RATE: "requests"}
_BY_CLASS = {FaultClass.LATENCY_DEGRADATION: "latency", FaultClass.ERROR_BURST: "availability"}
_TARGETS = {"latency": (RED_MEAN, "ms"), "availability": (RED_ERRORS, "1")}


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One metrics.csv. times: float64[t], s, starts of the steps; columns: float64[t] each, NaN where nothing was."""

    times: Floats
    columns: Mapping[SeriesKey, Floats]

    def between(self, start: float, end: float) -> "Sheet":
        """The steps that begin in [start, end)."""
        inside = (self.times >= start) & (self.times < end)
        return Sheet(self.times[inside], {key: values[inside] for key, values in self.columns.items()})


@dataclass(frozen=True, slots=True)
class Target:
    """The alarm: what hurts, since when (s). `cause`: the truth."""

    node: str
    metric: str
    since: float
    cause: str


class Scenario:
    """One traffic scenario: its call graph, its normal data and its issues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def topology(self) -> Topology:
        """graph.csv: the node of a row calls the nodes of the columns that hold 1."""
        header, *rows = _rows(self.folder / "graph.csv")
        edges = [
            Edge(caller, callee)
            for caller, *cells in rows
            for callee, cell in zip(header[1:], cells, strict=True)
            if float(cell)
        ]
        return Topology(tuple(edges), frozenset(header[1:]))

    @cached_property
    def normal(self) -> Sheet:
        """The normal data."""
        return read_sheet(self.folder / "noissue" / "metrics.csv")

    def case(self, issue: Path) -> tuple[Case, str]:
        """The case of an issue's folder and the node that is its root cause."""
        sheet, target = read_sheet(issue / "metrics.csv"), _target(issue / "target.json")
        # A step belongs to what went on for most of it.
        onset = float(np.ceil((target.since - sheet.times[0]) / STEP_S - 0.5)) * STEP_S + sheet.times[0]
        seen = sheet.between(-np.inf, onset + FAULT_S)
        return self._case(_joined(self.normal, seen, PAUSE_S), onset, target), target.cause

    def calm(self, slots: int = 4, every: int = 12) -> Iterator[tuple[float, Case]]:
        """Slices of the normal data as if something had been wrong there: (time, case), the rest being its past.

        slots: steps of a slice, of which the last two are suspected; every: steps from one slice to the next.
        """
        for onset, sheet in self.slices(slots, every):
            yield onset, self.case_of(sheet, self.alarmed.metric)

    @cached_property
    def alarmed(self) -> Target:
        """The alarm of the first issue: whom people watch here."""
        return _target(min(self.folder.glob("*/issue_*/target.json")))

    def slices(self, slots: int, every: int, first: int = 0) -> Iterator[tuple[float, Sheet]]:
        """(onset, sheet): a slice of the normal data after all the rest of them; its last two steps are suspected."""
        times = self.normal.times
        for start in range(first, len(times) - slots, every):
            begin, end = times[start], times[start + slots - 1] + STEP_S
            rest = _joined(self.normal.between(end, np.inf), self.normal.between(-np.inf, begin))
            yield end - FAULT_S, _joined(rest, self.normal.between(begin, end), PAUSE_S)

    def alarm(self, calm: Sheet, worse: Sheet, felt: tuple[float, float]) -> str | None:
        """The metric (latency or availability) by which the watched node would alarm; None when it does not feel the
        difference. felt: ms of latency, share of failures."""
        for (metric, (name, unit)), least in zip(_TARGETS.items(), felt, strict=True):
            key = SeriesKey(TENANT, self.alarmed.node, name, unit=unit)
            if key in calm.columns and float(np.nanmean((worse.columns[key] - calm.columns[key])[-2:])) >= least:
                return metric
        return None

    def case_of(self, sheet: Sheet, metric: str) -> Case:
        """A sheet whose last two steps are suspected, with an alarm of the watched node."""
        onset = float(sheet.times[-1]) + STEP_S - FAULT_S
        return self._case(sheet, onset, Target(self.alarmed.node, metric, onset, ""))

    def _case(self, sheet: Sheet, onset: float, target: Target) -> Case:
        times = ((sheet.times + STEP_S) * NANOSECONDS).astype(np.int64)
        keys = tuple(sheet.columns)
        signals = np.array([signal_of(key) for key in keys], np.uint8)
        matrix = FeatureMatrix(keys, signals, times, np.column_stack([*sheet.columns.values()]))
        start = int(onset * NANOSECONDS)
        anomalies = tuple(_anomalies(matrix, target, start))
        return Case(TENANT, start, int(times[-1]), matrix, anomalies, topology=self.topology)


def labelled(data: Path) -> Iterator[LabelledCase]:
    """Every issue below a folder, and slices of its normal data; nothing when it holds none."""
    found = scenarios(data)
    for scenario in found:
        for target in sorted(scenario.folder.glob("*/issue_*/target.json")):
            case, truth = scenario.case(target.parent)
            yield LabelledCase(str(target.parent.relative_to(data)), case, truth, partial(named, case))
    for scenario in found:
        for at, case in scenario.calm():
            name = f"{scenario.folder.relative_to(data)}/noissue@{at:.0f}"
            yield LabelledCase(name, case, "", partial(named, case))


def named(case: Case, hypothesis: Hypothesis) -> str:
    """What the set calls the metric that tells of the fault: by its class, else the one that departed most."""
    if (name := _BY_CLASS.get(hypothesis.fault_class)) is not None:
        return name
    furthest = max(read(case).of(hypothesis.service), key=lambda d: abs(d.size), default=None)
    return "" if furthest is None else _NAMES[furthest.key.metric]


def scenarios(data: Path) -> list[Scenario]:
    """The scenarios below a folder; empty when it holds none."""
    return [Scenario(folder) for folder in sorted({path.parents[2] for path in data.glob(CASES)})]


def read_sheet(path: Path) -> Sheet:
    """The columns of a metrics.csv that Akeso has a use for. Raises InvalidInput when it is none."""
    rows = _rows(path)
    if len(rows) <= _HEADER or rows[0][0] != "microservice":
        raise InvalidInput(str(path), "no 3-row header of microservice, metric and statistic")
    body = [row for row in rows[_HEADER:] if _number(row[0]) == _number(row[0])]
    values = np.array([[_number(cell) for cell in row] for row in body], np.float64)
    columns = {
        SeriesKey(TENANT, node, name, unit=unit): read(values[:, j])
        for j, (node, metric, statistic) in enumerate(zip(*rows[:_HEADER], strict=True))
        if (known := _READS.get((metric, statistic))) is not None
        for name, unit, read in [known]
    }
    return Sheet(values[:, 0], columns)


def _joined(before: Sheet, after: Sheet, pause_s: float = 0.0) -> Sheet:
    """One sheet with `before` moved to end a pause before `after` begins; columns are matched by name."""
    if not len(before.times) or not len(after.times):
        return after if len(after.times) else before
    moved = np.arange(-len(before.times), 0) * STEP_S + after.times[0] - pause_s
    keys = dict.fromkeys([*before.columns, *after.columns])
    columns = {key: np.concatenate([_column(before, key), _column(after, key)]) for key in keys}
    return Sheet(np.concatenate([moved, after.times]), columns)


def _column(sheet: Sheet, key: SeriesKey) -> Floats:
    found = sheet.columns.get(key)
    return np.full(len(sheet.times), np.nan) if found is None else found


def _anomalies(matrix: FeatureMatrix, target: Target, onset: int) -> Iterator[Anomaly]:
    metric, unit = _TARGETS[target.metric]
    key = SeriesKey(TENANT, target.node, metric, unit=unit)
    if key not in matrix.keys:
        return
    values, during = matrix.values[:, matrix.keys.index(key)], matrix.times > onset
    past, level = float(np.nanmedian(values[~during])), float(np.nanmean(values[during]))
    at = instant_of(onset)
    yield Anomaly("alarm", TENANT, key, Signal(signal_of(key)), at, at, 1.0, level, past, float("nan"))


def _target(path: Path) -> Target:
    told = json.loads(path.read_text(encoding="utf-8"))
    alarm = told["target"]
    return Target(alarm["node"], alarm["metric"], float(alarm["timestamp"]), told["root_cause"]["node"])


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
