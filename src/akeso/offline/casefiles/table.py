"""Metrics as CSV, with calls beside them → one case.

Long: a header with `timestamp`, `service`, `metric`, `value`. Wide: `timestamp` and one column `service/metric` each.
Times are ISO 8601 or epoch seconds, in even steps. Of these metrics the calls are understood as of spans: `latency` and
`latency_p95` (ms), `error_ratio` (0 to 1), `requests` (a second); any other is taken by its name. Calls stand in a CSV
with the header `caller,callee`, or in topology.yaml.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from akeso.config.topology_file import load_topology
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.symptoms import opens
from akeso.domain.errors import InvalidInput
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, FeatureMatrix, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_P95, RED_RATE
from akeso.domain.telemetry.times import epoch_ns
from akeso.offline.casefiles.asked import Asked, Found, Range
from akeso.offline.casefiles.rerun import Raised, RerunOptions, detection_over, moment
from akeso.stages.features.metric_meanings import signal_of

TIME = "timestamp"
_LONG = ("service", "metric", "value")
_KNOWN: Mapping[str, tuple[str, str]] = {
    "latency": (RED_MEAN, "ms"),
    "latency_p95": (RED_P95, "ms"),
    "error_ratio": (RED_ERRORS, "1"),
    "requests": (RED_RATE, "1/s"),
}
_Points = dict[SeriesKey, dict[int, float]]


def found_in(path: Path, asked: Asked, options: RerunOptions) -> list[Found]:
    """The case of the asked time, or of the first anomaly that the detectors of `options` find. Raises InvalidInput
    naming the row and column."""
    matrix = read(path, asked.tenant)
    raised = _raised(matrix, options, asked.span.end if asked.span else None)
    span = asked.span or _first(matrix, raised)
    inside = matrix.times <= span.end
    features = FeatureMatrix(matrix.keys, matrix.signals, matrix.times[inside], matrix.values[inside])
    if not len(features.times):
        raise InvalidInput("--range", f"{path} holds nothing before its end")
    services = frozenset(key.service for key in matrix.keys)
    own = tuple(a for a in raised if epoch_ns(a.onset) >= span.start - _step(matrix))
    topology = Topology((*asked.edges, *beside(path)), services)
    case = Case(asked.tenant, span.start, int(features.times[-1]), features, own, topology=topology,
                services=asked.services)  # fmt: skip
    return [Found(f"{len(own)} anomalies since {moment(span.start):%Y-%m-%d %H:%M:%S}Z", case, own)]


def read(path: Path, tenant: str) -> FeatureMatrix:
    """All series of a file over its steps; a slot ends where the next step begins."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or TIME not in rows[0]:
        raise InvalidInput("--from", f"{path} has no header with a column {TIME}")
    header = [title.strip() for title in rows[0]]
    points: _Points = {}
    fill = _long if set(_LONG) <= set(header) else _wide
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise InvalidInput(f"{path.name} row {number}", f"has {len(row)} cells, not {len(header)}")
        cells = dict(zip(header, row, strict=True))
        fill(points, cells, _time(cells[TIME], f"{path.name} row {number}"), (f"{path.name} row {number}", tenant))
    return _matrix(path, points)


def beside(path: Path) -> tuple[Edge, ...]:
    """The calls that a graph.csv or topology.yaml in the same folder tells."""
    for name in ("topology.yaml", "graph.csv"):
        if (path.parent / name).exists():
            return calls(path.parent / name)
    return ()


def calls(path: Path) -> tuple[Edge, ...]:
    """Calls from a YAML or CSV file."""
    if path.suffix in {".yaml", ".yml"}:
        return load_topology(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"caller", "callee"} <= rows[0].keys():
        raise InvalidInput(str(path), "has no header with caller and callee")
    return tuple(Edge(row["caller"], row["callee"], row.get("asynchronous", "") in {"1", "true"}) for row in rows)


def _long(points: _Points, cells: Mapping[str, str], at: int, place: tuple[str, str]) -> None:
    where, tenant = place
    if not cells["service"] or not cells["metric"]:
        raise InvalidInput(where, "names no service and metric")
    _put(points, _key(tenant, cells["service"], cells["metric"]), at, (cells["value"], f"{where}: value"))


def _wide(points: _Points, cells: Mapping[str, str], at: int, place: tuple[str, str]) -> None:
    where, tenant = place
    for title, cell in cells.items():
        if title != TIME:
            service, slash, metric = title.partition("/")
            if not slash:
                raise InvalidInput(f"column {title}", "is not service/metric")
            _put(points, _key(tenant, service, metric), at, (cell, f"{where}: {title}"))


def _key(tenant: str, service: str, metric: str) -> SeriesKey:
    name, unit = _KNOWN.get(metric, (metric, ""))
    return SeriesKey(tenant, service, name, unit=unit)


def _put(points: _Points, key: SeriesKey, at: int, cell: tuple[str, str]) -> None:
    text, where = cell
    series = points.setdefault(key, {})
    if text.strip():
        try:
            series[at] = float(text)
        except ValueError as bad:
            raise InvalidInput(where, f"{text} is no number") from bad


def _time(text: str, where: str) -> int:
    try:
        return int(float(text) * NANOSECONDS)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as bad:
        raise InvalidInput(f"{where}: {TIME}", f"{text} is no time") from bad
    return epoch_ns(at if at.tzinfo else at.replace(tzinfo=UTC))


def _matrix(path: Path, points: _Points) -> FeatureMatrix:
    times = np.array(sorted({at for series in points.values() for at in series}), np.int64)
    if len(times) < 2:
        raise InvalidInput("--from", f"{path} holds fewer than two steps")
    width = int(np.median(np.diff(times)))
    keys = tuple(points)
    values = np.full((len(times), len(keys)), np.nan)
    for column, key in enumerate(keys):
        rows = np.searchsorted(times, np.array(list(points[key]), np.int64))
        values[rows, column] = list(points[key].values())
    return FeatureMatrix(keys, np.array([signal_of(key) for key in keys], np.uint8), times + width, values)


def _raised(matrix: FeatureMatrix, options: RerunOptions, until: int | None) -> Sequence[Anomaly]:
    detection, raised = detection_over(SeriesTable(matrix.keys), options), Raised()
    ever: dict[str, Anomaly] = {}
    for row, end in enumerate(matrix.times.tolist()):
        if detection is None or (until is not None and end > until):
            break
        frame = FeatureFrame(end, _step(matrix), matrix.values[row], matrix.signals)
        decision = detection.step(frame).decision
        raised.after(decision)
        ever.update({a.id: a for a in decision.raised})
    return list(raised.anomalies.values()) if until is not None else list(ever.values())


def _first(matrix: FeatureMatrix, raised: Sequence[Anomaly]) -> Range:
    findings = [a for a in raised if opens(np.array([a.signal], np.uint8))[0]]
    if not findings:
        raise InvalidInput("--range", "the detectors find nothing wrong: say when it was, as FROM/TO")
    first = min(findings, key=lambda a: a.onset)
    start = epoch_ns(first.onset)
    return Range(start, min(int(matrix.times[-1]), epoch_ns(first.detected_at) + 5 * _step(matrix)))


def _step(matrix: FeatureMatrix) -> int:
    return int(np.median(np.diff(matrix.times)))
