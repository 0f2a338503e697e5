"""Nezha (MIT): traces, log lines and metrics of a shop's pods, a file a minute, with a fault now and then.

Yu et al., "Nezha: Interpretable Fine-Grained Root Causes Analysis for Microservices on Multi-modal Observability Data"
(ESEC/FSE 2023). A day is a folder with a list of faults and the folders `trace`, `log` and `metric`; for the minute of
a fault and the two after it there are traces and lines. A folder of the same name without faults shows the system
well; a case sees it as if it had been right before. The true inner cause of a fault is a metric, or two statements
with "_" between them, of which the second should have followed.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from akeso.bench.datasets.labelled import LabelledCase
from akeso.bench.datasets.nezha_rows import (
    METRICS,
    TENANT,
    Line,
    Span,
    by_second,
    instant,
    read_lines,
    read_metrics,
    read_spans,
    service_of,
)
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import CauseKind, Hypothesis
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import NETWORK_DELAY
from akeso.offline.casefiles.rerun import Rerun, RerunOptions, moment
from akeso.stages.diagnosis.case_builder import Reach, Symptomatic
from akeso.stages.diagnosis.case_builder import picture as case_of

LOOKED_FOR = "*/*/*_list.json with inject_time and inject_pod, beside the folders trace, log and metric"
_MINUTES = 3  # of every fault
_WINDOW = timedelta(minutes=20)
_NETWORK = "NetworkP90(ms)"
_COLUMNS = {metric: column for column, (metric, *_) in METRICS.items()} | {NETWORK_DELAY: _NETWORK}


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the list. at: ns; kind: as the set calls it."""

    at: int
    service: str
    kind: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day with faults. well: the folder of the same name without, if there is one."""

    folder: Path
    faults: tuple[Fault, ...]
    well: Path | None


def labelled(data: Path) -> Iterator[LabelledCase]:
    """Every fault of every day below a folder; nothing when it holds no such day."""
    causes = _causes(data)
    for day in days(data):
        for number, fault in enumerate(day.faults):
            cause = causes.get(fault.service, {}).get(fault.kind, "")
            yield LabelledCase(f"{day.folder.name}#{number}", _case(day, fault), fault.service, named, cause, agree)


def days(data: Path) -> list[Day]:
    """The days with faults, by name."""
    lists = {path: found for path in sorted(data.glob("*/*/*_list.json")) if (found := _faults(path))}
    faulty = {path.parent for path in lists}
    folders = {path.parent for path in data.glob("*/*/trace") if path.is_dir()} - faulty
    well = {folder.name: folder for folder in sorted(folders)}
    return [Day(path.parent, found, well.get(path.parent.name)) for path, found in lists.items()]


def named(hypothesis: Hypothesis) -> str:
    """The inner cause in the set's words."""
    cause = hypothesis.cause
    if cause is None:
        return ""
    if cause.kind is CauseKind.METRIC:
        return _COLUMNS.get(cause.first, cause.first)
    return f"{cause.first}_{cause.then}" if cause.then else cause.first


def agree(told: str, truth: str) -> bool:
    """Whether every part of the truth is named, which is a part of what the line says of its place or of itself."""
    return bool(truth) and all(part in told for part in truth.split("_"))


def picture(spans: list[Span], lines: list[Line], onset: int, metrics: Path) -> Case:
    """The case that production would have made of this: everything goes through the stages of the feature agent.

    onset: ns; metrics: the folder of the pods' measurements. Raises InvalidInput without a span.
    """
    if not spans:
        raise InvalidInput("trace", "holds no span")
    table = SeriesTable()
    start, now = min(span.start for span in spans), max(span.end for span in spans)
    measured = read_metrics(metrics, start, now, table)
    # A file may hold a line of another hour.
    lines = [line for line in lines if start <= line.time <= now]
    rerun = Rerun(table, RerunOptions(span=_WINDOW), tenant=TENANT)
    for batch in by_second(spans, lines, measured):
        deque(rerun.take(batch), maxlen=0)
    deque(rerun.finish(), maxlen=0)
    seen = Symptomatic(TENANT, moment(onset), now)
    return case_of(rerun.window, seen, Reach(past=timedelta(microseconds=(onset - start) // 1_000)))


def _case(day: Day, fault: Fault) -> Case:
    minutes = [datetime.fromtimestamp(fault.at / NANOSECONDS, UTC) + timedelta(minutes=i) for i in range(_MINUTES)]
    spans = read_spans(_files(day.folder, "trace", minutes))
    lines = read_lines(_files(day.folder, "log", minutes))
    if day.well is not None:
        calm = read_spans(sorted((day.well / "trace").glob("*.csv")))
        told = read_lines(sorted((day.well / "log").glob("*.csv")))
        # Whatever time that was, here it was right before.
        moved = min(span.start for span in spans) - max(span.end for span in calm) - NANOSECONDS
        spans += [replace(span, start=span.start + moved, end=span.end + moved) for span in calm]
        lines += [replace(line, time=line.time + moved) for line in told]
    return picture(spans, lines, fault.at, day.folder / "metric")


def _files(folder: Path, kind: str, minutes: list[datetime]) -> list[Path]:
    wanted = [folder / kind / f"{minute:%H_%M}_{kind}.csv" for minute in minutes]
    found = [path for path in wanted if path.exists()]
    if not found:
        raise InvalidInput(str(folder / kind), f"no file of {minutes[0]:%H:%M} or the minutes after it")
    return found


def _faults(path: Path) -> tuple[Fault, ...]:
    told: Any = json.loads(path.read_text(encoding="utf-8"))
    rows = [row for hour in told.values() for row in hour] if isinstance(told, dict) else []
    try:
        return tuple(Fault(instant(r["inject_time"]), service_of(r["inject_pod"]), r["inject_type"]) for r in rows)
    except (KeyError, TypeError):
        return ()


def _causes(data: Path) -> Mapping[str, Mapping[str, str]]:
    """service → kind of fault → inner cause."""
    found: dict[str, Mapping[str, str]] = {}
    for path in sorted(data.glob("*/root_cause*.json")):
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found
