"""Tellings at random: as teams happen to have set things up."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import ServiceKind

T = TypeVar("T")

_CADENCES: Sequence[tuple[float, float]] = ((5.0, 0.1), (10.0, 0.1), (15.0, 0.4), (30.0, 0.25), (60.0, 0.15))
_CLOUD: Sequence[tuple[float, float]] = ((60.0, 0.7), (300.0, 0.3))
_SHARES: Sequence[tuple[float, float]] = ((0.01, 0.2), (0.05, 0.2), (0.2, 0.3), (1.0, 0.3))
_INFRASTRUCTURE = (
    "blackbox_exporter",
    "cadvisor",
    "kafka_exporter",
    "kube_state_metrics",
    "mysqld_exporter",
    "nginx",
    "haproxy",
    "envoy",
    "node_exporter",
    "postgres_exporter",
    "rabbitmq",
    "redis_exporter",
)
_OWN = ("python_client", "go_client", "micrometer", "node_client", "dotnet_client", "istio")
_CODE = frozenset({ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH})


def draw_telling(seed: int, estate: Estate) -> dict[str, Any]:
    """What a world's YAML could say under `telling`; the same for the same seed. Every service is told of by someone:
    code by OpenTelemetry (old or new), by Prometheus' libraries, or both; what is bought by exporters or a cloud."""
    random = np.random.default_rng([seed, 0x7E11])
    senders = _code(random, estate)
    if random.random() < 0.85:
        options = {"version": int(random.integers(1, 3)), "pages": _INFRASTRUCTURE}
        senders.append({"dialect": "prometheus", "every_s": _drawn(random, _CADENCES), "options": options})
    else:
        senders.append({"dialect": "cloudwatch", "every_s": _drawn(random, _CLOUD)})
    if random.random() < 0.3:
        senders.append({"dialect": "otel_infrastructure", "every_s": _drawn(random, ((20.0, 0.4), (60.0, 0.6)))})
    senders += _logs(random) + _words(random)
    noise = _disturbance(random)
    return {"senders": [sender | ({"disturbance": noise} if noise else {}) for sender in senders]}


def _code(random: np.random.Generator, estate: Estate) -> list[dict[str, Any]]:
    groups: dict[str, list[str]] = {}
    styles = ("otel_stable", "otel_old", "prometheus", "both")
    # One style for most of a company, another for what is left.
    main, other = random.choice(styles, 2).tolist()
    for service in estate.services:
        if service.kind in _CODE:
            groups.setdefault(main if random.random() < 0.75 else other, []).append(service.name)
    senders: list[dict[str, Any]] = []
    for style, names in sorted(groups.items()):
        if style != "prometheus":
            senders += _otel(random, names, "old" if style == "otel_old" else "stable")
        if style in {"prometheus", "both"}:
            options = {"pages": _OWN, "version": 1}
            every = _drawn(random, _CADENCES)
            senders.append({"dialect": "prometheus", "services": names, "every_s": every, "options": options})
    return senders


def _otel(random: np.random.Generator, names: list[str], conventions: str) -> list[dict[str, Any]]:
    export = {"through": "direct" if random.random() < 0.3 else "collector"}
    metrics = {
        "conventions": conventions,
        "temporality": "delta" if random.random() < 0.25 else "cumulative",
        "histograms": "exponential" if random.random() < 0.2 else "explicit",
        "export": export,
    }
    every = _drawn(random, ((60.0, 0.6), (30.0, 0.2), (10.0, 0.2)))
    found = [{"dialect": "otel_metrics", "services": names, "every_s": every, "options": metrics}]
    if random.random() < 0.8:
        traces = {"conventions": conventions, "share": _drawn(random, _SHARES), "export": export}
        traces["sampling"] = "tail" if random.random() < 0.1 else "head"
        found.append({"dialect": "otel_traces", "services": names, "options": traces})
    return found


def _logs(random: np.random.Generator) -> list[dict[str, Any]]:
    lines = "json" if random.random() < 0.4 else "plain"
    ways: Sequence[tuple[dict[str, Any] | None, float]] = (
        ({"dialect": "otel_logs"}, 0.3),
        ({"dialect": "otel_logs", "options": {"source": "files", "lines": lines}}, 0.15),
        ({"dialect": "loki", "options": {"shipper": "promtail", "lines": lines}}, 0.15),
        ({"dialect": "loki", "options": {"shipper": "alloy", "lines": lines}}, 0.15),
        ({"dialect": "json_logs"}, 0.1),
        (None, 0.15),
    )
    found = _drawn(random, ways)
    return [] if found is None else [found]


def _words(random: np.random.Generator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if random.random() < 0.7:
        found.append({"dialect": "changes"})
    if random.random() < 0.6:
        found.append({"dialect": "kubernetes_events"})
    if random.random() < 0.6:
        found.append({"dialect": "alertmanager"})
    elif random.random() < 0.3:
        found.append({"dialect": "pagerduty"})
    return found


def _disturbance(random: np.random.Generator) -> dict[str, float]:
    if random.random() < 0.4:
        return {}
    pauses = 0.2 if random.random() < 0.3 else 0.0
    return {"jitter_s": 0.3, "lost": 0.002, "late": 0.005, "late_s": 45.0, "twice": 0.003, "pauses_an_hour": pauses}


def _drawn(random: np.random.Generator, choices: Sequence[tuple[T, float]]) -> T:
    place = int(random.choice(len(choices), p=[share for _, share in choices]))
    return choices[place][0]
