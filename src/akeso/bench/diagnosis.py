"""`akeso bench diagnosis`: how long the diagnosis of one incident takes on one core, on made data of a given size."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry import signal as names
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, SeriesKey, SpanKind
from akeso.domain.telemetry.signal import Signal
from akeso.domain.telemetry.times import instant_of
from akeso.domain.telemetry.traces import LINE, SPAN, Place, Rows, Traces
from akeso.plugins.discovery import build
from akeso.ports.evidence import EvidenceProvider
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.features.metric_meanings import signal_of

TENANT = "bench"
_START = 1_700_000_000 * NANOSECONDS
_OWN = (names.RED_RATE, names.RED_ERRORS, names.RED_MEAN, names.RED_SELF, names.RED_P95, names.LOG_RATE, names.SILENCE)
_DEPTH = 4  # spans of a trace, each a call of the next service and what serves it
_FAULT = 0.1  # the share of the time at the end


@dataclass(frozen=True, slots=True)
class Size:
    """metrics: series of the slots; slots: a second each; lines, spans: of whole traces; templates: of all lines."""

    metrics: int
    slots: int = 720
    lines: int = 100_000
    spans: int = 50_000
    templates: int = 400


def diagnosis(
    metrics: Annotated[list[int] | None, typer.Option(help="Series; may be given several times.")] = None,
    out: Annotated[Path | None, typer.Option(help="Receives diagnosis.json.")] = None,
    repeats: Annotated[int, typer.Option(help="The best of so many is told.", min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Seconds of one diagnosis, and of each kind of evidence, over 720 slots, 100,000 lines and 50,000 spans."""
    sizes = [_measured(Size(each), repeats) for each in metrics or [1_000, 10_000]]
    report = {"sizes": sizes}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "diagnosis.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(sizes))


def made(size: Size, seed: int = 0) -> Case:
    """An incident: one service of many takes longer and leaves out a line, and its callers wait for it."""
    random = np.random.default_rng(seed)
    services = [f"service-{i}" for i in range(max(_DEPTH + 1, size.metrics // 20))]
    onset = _START + round((1.0 - _FAULT) * size.slots) * NANOSECONDS
    matrix = _matrix(size, services, onset, random)
    edges = [Edge(a, b, rate=1.0, last_seen=onset) for a, b in pairwise(services)]
    return Case(
        TENANT,
        onset,
        int(matrix.times[-1]),
        matrix,
        tuple(_anomalies(matrix, services[2], onset)),
        topology=Topology(tuple(edges), frozenset(services)),
        logs=tuple(_patterns(size, services, random)),
        traces=_traces(size, services, onset, random),
    )


def _matrix(size: Size, services: list[str], onset: int, random: np.random.Generator) -> FeatureMatrix:
    keys = tuple(_keys(size.metrics, services))
    times = _START + np.arange(1, size.slots + 1, dtype=np.int64) * NANOSECONDS
    values = np.abs(random.normal(20.0, 2.0, (size.slots, len(keys))))
    for column, key in enumerate(keys):
        if signal_of(key) is Signal.ERRORS:
            values[:, column] = 0.0
        elif key.service == services[2] and signal_of(key) in {Signal.LATENCY, Signal.SELF_TIME}:
            values[times > onset, column] += 100.0
    return FeatureMatrix(keys, np.array([signal_of(key) for key in keys], np.uint8), times, values)


def _keys(count: int, services: list[str]) -> Iterator[SeriesKey]:
    for number in range(count):
        service, which = services[number % len(services)], number // len(services)
        if which < len(_OWN):
            yield SeriesKey(TENANT, service, _OWN[which])
        elif which == len(_OWN):
            yield SeriesKey(TENANT, service, "container.cpu.utilization", unit="1")
        else:
            yield SeriesKey(TENANT, service, f"queue.size.{which}")


def _anomalies(matrix: FeatureMatrix, service: str, onset: int) -> Iterator[Anomaly]:
    at = instant_of(onset)
    for key in matrix.keys:
        if key.service == service and key.metric in {names.RED_MEAN, names.RED_SELF}:
            yield Anomaly(key.metric, TENANT, key, signal_of(key), at, at, 1.0, 120.0, 20.0, 2.0)


def _patterns(size: Size, services: list[str], random: np.random.Generator) -> Iterator[LogPattern]:
    each = size.lines / size.templates / size.slots
    for number in range(size.templates):
        counts: Floats = random.poisson(each, size.slots).astype(np.float64)
        line = f"statement {number} of request 1234 is done with <ok>"
        yield LogPattern(services[number % len(services)], line, 17 if number % 10 == 0 else 9, line, counts)


def _traces(size: Size, services: list[str], onset: int, random: np.random.Generator) -> Traces:
    places = [Place(s, name) for s in services for name in ("GET /", "GET")]
    places += [Place(s, f"app.Main#{number}", 9) for s in services for number in (31, 34)]
    count = size.spans // (2 * _DEPTH)
    first = random.integers(0, len(services) - _DEPTH, count)
    start = _START + np.sort(random.integers(0, size.slots * NANOSECONDS, count))
    spans = np.concatenate([_level(level, first + level, start) for level in range(_DEPTH)])
    entries = spans[spans["kind"] == SpanKind.SERVER]
    wanted = entries[random.integers(0, len(entries), size.lines // 2)]
    lines = np.concatenate([_written(wanted, number, len(services)) for number in (0, 1)])
    # The faulty service leaves its second line out.
    left_out = (lines["place"] == 2 * len(services) + 2 * 2 + 1) & (lines["time"] > onset)
    return Traces(tuple(places), spans, lines[~left_out])


def _level(level: int, service: np.ndarray, start: np.ndarray) -> Rows:
    """The span that serves each trace at this depth, and the call to the next."""
    count, ms = len(start), 1_000_000
    served, call = np.zeros(count, SPAN), np.zeros(count, SPAN)
    trace = np.arange(1, count + 1, dtype=np.uint64)
    for rows, role in ((served, 0), (call, 1)):
        rows["trace"], rows["place"] = trace, 2 * service + role
        rows["span"] = trace * 100 + 2 * level + role + 1
        rows["parent"] = 0 if level == role == 0 else trace * 100 + 2 * level + role
        rows["kind"] = SpanKind.CLIENT if role else SpanKind.SERVER
        rows["start"] = start + (2 * level + role) * ms
        rows["end"] = start + (40 - 2 * level - role) * ms
    return np.concatenate([served, call])


def _written(entries: Rows, number: int, services: int) -> Rows:
    lines = np.zeros(len(entries), LINE)
    lines["trace"], lines["span"] = entries["trace"], entries["span"]
    lines["place"] = 2 * services + entries["place"] // 2 * 2 + number
    lines["time"] = entries["start"] + 100_000 * (number + 1)
    return lines


def _measured(size: Size, repeats: int) -> dict[str, object]:
    providers, runs = build("evidence"), []
    for _ in range(repeats):
        # A new case each time: what was found out about the last one is remembered.
        case = made(size)
        begun = process_time()
        found = diagnose(case, tuple(providers.values()))
        runs.append(process_time() - begun)
    parts = _parts(made(size), providers)
    return {
        **asdict(size),
        "seconds": round(min(runs), 3),
        "first": found.best.service if found.best else "",
        "evidence_seconds": dict(sorted(parts.items(), key=lambda part: -part[1])),
    }


def _parts(case: Case, providers: Mapping[str, EvidenceProvider]) -> dict[str, float]:
    """Seconds of each kind of evidence; the first also reads the symptoms, which are then there for all."""
    taken = {}
    for name, provider in providers.items():
        begun = process_time()
        provider.gather(case)
        taken[name] = round(process_time() - begun, 3)
    return taken


def _table(sizes: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("metrics", "slots", "lines", "spans", "CPU seconds", "most of them in")
    for each in sizes:
        most = ", ".join(f"{name} {took:.2f}" for name, took in list(each["evidence_seconds"].items())[:3])
        sizes_told = (str(each[name]) for name in ("metrics", "slots", "lines", "spans"))
        table.add_row(*sizes_told, f"{each['seconds']:.2f}", most)
    return table
