"""What the APIs of Kubernetes, Datadog and AWS answer, as one case of a diagnosis.

Events, states of pods and log lines become log patterns of the workload; metrics, and the load of a database by
statement and kind of waiting, become features. A document is known by its keys, not by its name.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, SeriesKey
from akeso.plugins.evidence.database import LOAD
from akeso.stages.features.metric_meanings import signal_of

Document = Mapping[str, Any]
TENANT = "bench"
SLOT_S = 60
_STEADY = 0.3  # of the median of all that was measured
_LOAD_SOURCE = "Performance Insights"
_SEVERITIES = {"info": 9, "ok": 9, "warn": 13, "warning": 13, "error": 17, "critical": 21, "emergency": 21}


@dataclass(slots=True)
class Picture:
    """What was read so far. lines: (text, severity, first and last time in s); points: series → [(s, value)];
    well, history: what is fine now, and what is over; ready, ending: pods; alarmed: monitors in alert."""

    service: str
    lines: list[tuple[str, int, float, float]] = field(default_factory=list)
    points: dict[SeriesKey, list[tuple[float, float]]] = field(default_factory=dict)
    well: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    ready: set[str] = field(default_factory=set)
    ending: set[str] = field(default_factory=set)
    alarmed: list[str] = field(default_factory=list)


def read_case(folder: Path, alert: Document) -> tuple[Case, Picture]:
    """The case of an alert and all documents beside it, and the picture it was made of."""
    labels, notes = alert.get("commonLabels", {}), alert.get("commonAnnotations", {})
    service = notes.get("db_instance_identifier") or labels.get("workload_name") or labels.get("service", "")
    picture = Picture(service)
    documents: list[Document] = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    for key, read in _READERS.items():
        for document in documents:
            if key in document:
                read(picture, document)
    return _case(picture, alert), picture


def _pods(picture: Picture, document: Document) -> None:
    for pod in document["pods"]:
        containers = pod.get("containers", [])
        if pod.get("deletion_timestamp"):
            picture.ending.add(pod["name"])
            said = "is terminating: it belongs to an old ReplicaSet that a rollout replaced"
            picture.history.append(f"pod {pod['name']} {said}")
        elif containers and all(c.get("ready") for c in containers):
            picture.ready.add(pod["name"])
            picture.well.append(f"pod {pod['name']} is running and ready")
        else:
            picture.lines.extend(_container_states(pod))


def _container_states(pod: Document) -> Iterator[tuple[str, int, float, float]]:
    for container in pod.get("containers", []):
        state, last = container.get("state", {}), container.get("last_state", {})
        words = [str(s.get(k)) for s in (state, last) for k in ("reason", "message") if s.get(k)]
        words += [f"exit code {s['exit_code']}" for s in (state, last) if s.get("exit_code") not in (None, 0)]
        yield f"pod {pod['name']} ({pod.get('phase')}): {', '.join(words) or 'not ready'}", 17, np.nan, np.nan


def _deployments(picture: Picture, document: Document) -> None:
    for deployment in document["deployments"]:
        ready, desired = deployment.get("ready", 0), deployment.get("desired", 0)
        told = f"deployment {deployment['name']} has {ready} of {desired} replicas ready"
        if ready >= desired:
            picture.well.append(told)
        else:
            picture.lines.append((f"{told}: its rollout does not get on and its new ReplicaSet is not available", 13,
                                  np.nan, np.nan))  # fmt: skip


def _nodes(picture: Picture, document: Document) -> None:
    for node in document["nodes"]:
        bad = [k for k in ("memory_pressure", "disk_pressure", "pid_pressure") if str(node.get(k)) == "True"]
        if str(node.get("ready")) != "True":
            bad.append("NodeNotReady")
        if bad:
            picture.lines.append((f"node {node['name']}: {', '.join(bad)}", 17, np.nan, np.nan))


def _kubernetes_events(picture: Picture, document: Document) -> None:
    for event in document["warning_events"]:
        pod = event.get("involved_object", "").rpartition("/")[2]
        told = f"{event.get('reason')} on {event.get('involved_object')}: {event.get('message')}"
        if pod in picture.ready | picture.ending and event.get("reason") != "Unhealthy":
            picture.history.append(told)
        else:
            picture.lines.append((told, 13, _seconds(event.get("first_time")), _seconds(event.get("last_time"))))


def _logs(picture: Picture, document: Document) -> None:
    logs = document["logs"]
    if isinstance(logs, str):
        for line in logs.splitlines():
            severity = next((n for word, n in (("FATAL", 21), ("ERROR", 17), ("WARN", 13)) if f" {word} " in line), 9)
            at = _seconds(line.partition(" ")[0])
            picture.lines.append((line.partition(" ")[2] if isfinite(at) else line, severity, at, at))
        return
    for record in logs:
        at = _seconds(record.get("timestamp"))
        severity = _SEVERITIES.get(str(record.get("status", "info")).lower(), 9)
        picture.lines.append((record["message"], severity, at, at))
        if severity < _SEVERITIES["warn"]:
            picture.history.append(record["message"])


def _monitors(picture: Picture, document: Document) -> None:
    for monitor in document["monitors"]:
        told = f"monitor {monitor.get('name')} is {monitor.get('overall_state')}"
        (picture.alarmed if monitor.get("overall_state") == "Alert" else picture.well).append(told)


def _database_events(picture: Picture, document: Document) -> None:
    for event in document["events"]:
        at = _seconds(event.get("date"))
        picture.lines.append((event["message"], 17, at, at))


def _metrics(picture: Picture, document: Document) -> None:
    for result in document.get("metric_data_results", [document]):
        if not isinstance(result, dict) or not result.get("values"):
            continue
        key = SeriesKey(TENANT, picture.service, result.get("metric_name") or result["label"])
        picture.points[key] = [
            (_seconds(at), float(value)) for at, value in zip(result["timestamps"], result["values"], strict=False)
        ]
        values = [value for _, value in picture.points[key]]
        if abs(values[-1] - np.median(values)) <= _STEADY * abs(np.median(values)):
            picture.well.append(f"{key.metric} is steady at {values[-1]:.3g}")


def _database_load(picture: Picture, document: Document) -> None:
    at = _seconds(document.get("end_time"))
    for statement in document["top_sql"]:
        for wait in statement.get("wait_events", []):
            attributes = (("source", _LOAD_SOURCE), ("statement", statement["statement"]), ("wait", wait["name"]))
            key = SeriesKey(TENANT, picture.service, LOAD, attributes)
            picture.points[key] = [(at, float(wait["db_load_avg"]))]
    if users := document.get("top_users"):
        most = max(users, key=lambda user: user["db_load_avg"])
        picture.lines.append((f"most of the load comes from the user {most['name']}", 9, at, at))


# In this order: what is ready now tells which warnings are over.
_READERS: Mapping[str, Callable[[Picture, Document], None]] = {
    "pods": _pods,
    "deployments": _deployments,
    "nodes": _nodes,
    "warning_events": _kubernetes_events,
    "logs": _logs,
    "monitors": _monitors,
    "events": _database_events,
    "metric_data_results": _metrics,
    "metric_name": _metrics,  # one document a metric
    "top_sql": _database_load,
}


def _case(picture: Picture, alert: Document) -> Case:
    told = [at for _, _, first, last in picture.lines for at in (first, last) if isfinite(at)]
    told += [at for points in picture.points.values() for at, _ in points]
    end, start = (max(told), min(told)) if told else (0.0, 0.0)
    start = max(start, end - 7200.0)
    times = np.arange(start, end + 2 * SLOT_S, SLOT_S)
    keys = tuple(picture.points)
    values = np.full((len(times), len(keys)), np.nan)
    for j, key in enumerate(keys):
        for at, value in picture.points[key]:
            values[_slot(times, at), j] = value
    signals = np.array([signal_of(key) for key in keys], np.uint8)
    matrix = FeatureMatrix(keys, signals, ((times + SLOT_S) * NANOSECONDS).astype(np.int64), values)
    logs = tuple(_pattern(picture.service, line, times) for line in picture.lines)
    now = int(matrix.times[-1])
    return Case(TENANT, int(start * NANOSECONDS), now, matrix, alerts=_alerts(picture.service, alert, start), logs=logs)


def _pattern(service: str, line: tuple[str, int, float, float], times: np.ndarray) -> LogPattern:
    text, severity, first, last = line
    counts = np.zeros(len(times))
    # What is told of the present state holds now.
    if not isfinite(last):
        counts[-1] = 1.0
    elif last >= times[0]:
        counts[_slot(times, first if isfinite(first) else last)] = 1.0
        counts[_slot(times, last)] = 1.0
    return LogPattern(service, text, severity, text, counts)


def _slot(times: np.ndarray, at: float) -> int:
    return int(np.clip((at - times[0]) // SLOT_S, 0, len(times) - 1))


def _alerts(service: str, alert: Document, start: float) -> tuple[Alert, ...]:
    if alert.get("state") in {"normal", "ok", "resolved"}:
        return ()
    title = str(alert.get("title", ""))
    at = datetime.fromtimestamp(start, UTC)
    source = str(alert.get("alert_source", ""))
    return (Alert(TENANT, title, source, service, title, Severity.ERROR, AlertStatus.FIRING, at),)


def _seconds(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return float("nan")
