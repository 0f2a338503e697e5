"""Ways of telling a world, each as one sort of team has it, with the tools' own defaults."""

from collections.abc import Mapping
from types import MappingProxyType

from akeso.worlds.trials import Telling

TELLINGS: Mapping[str, Telling] = MappingProxyType(
    {
        "otel": {"otel_traces": {"share": 0.2}, "otel_metrics": {"every": "60s"}, "otel_logs": {}},
        "otel_metrics": {"otel_metrics": {"every": "60s"}},
        "otel_traces": {"otel_traces": {"share": 1.0}},
        "otel_old": {
            "otel_traces": {"conventions": "old", "share": 0.2},
            "otel_metrics": {"every": "60s", "conventions": "old", "temporality": "delta"},
        },
        "logs": {"json_logs": {}},
    }
)


def at_cadence(seconds: float) -> Telling:
    """Metrics every so many seconds, with a fifth of the traces in batches of five."""
    return {"otel_traces": {"every": 5.0, "share": 0.2}, "otel_metrics": {"every": seconds}}
