"""Ways of telling a world, each as one sort of team has it, with the tools' own defaults."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

Telling = Mapping[str, Any]
"""As under `telling` in a world's YAML."""

DRAWN = "drawn"
"""As the seed has it: dialects, cadences and disturbances mixed as teams happen to have set things up."""

_FIFTH = {"dialect": "otel_traces", "options": {"share": 0.2}}
_PAGES = {"dialect": "prometheus", "every_s": 15}


def _by(*senders: Mapping[str, Any]) -> Telling:
    return {"senders": list(senders)}


TELLINGS: Mapping[str, Telling] = MappingProxyType(
    {
        DRAWN: {},
        "otel": _by(_FIFTH, {"dialect": "otel_metrics"}, {"dialect": "otel_logs"}),
        "otel_metrics": _by({"dialect": "otel_metrics"}),
        "otel_traces": _by({"dialect": "otel_traces", "options": {"share": 1.0}}),
        "otel_old": _by(
            {"dialect": "otel_traces", "options": {"share": 0.2, "conventions": "old"}},
            {"dialect": "otel_metrics", "options": {"conventions": "old", "temporality": "delta"}},
        ),
        "prometheus": _by(_PAGES),
        "prometheus_and_traces": _by(_PAGES, _FIFTH),
        "logs": _by({"dialect": "json_logs"}),
        "loki": _by({"dialect": "loki"}, _PAGES),
        "cloudwatch": _by({"dialect": "cloudwatch"}),
        "alerts": _by({"dialect": "alertmanager"}, _PAGES),
    }
)


def at_cadence(seconds: float) -> Telling:
    """Metrics every so many seconds, with a fifth of the traces in batches of five."""
    return _by(_FIFTH, {"dialect": "otel_metrics", "every_s": seconds})
