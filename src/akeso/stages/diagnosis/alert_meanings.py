"""What alerts of well-known collections of rules mean, by the table that ships as `defaults/alert-rules.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.senders import TELEMETRY_GAP
from akeso.domain.incident.diagnosis import FaultClass

Means = Literal[
    "down", "crash_loop", "node", "capacity", "disk", "memory", "cpu", "locks", "connections", "backlog", "lag",
    "errors", "slow", "replicas", "certificate", "telemetry", "nothing",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlertMeaning:
    """What an alert's rule looks at. inherited: those who call a faulty service show the same, so that it says who
    hurts and not why; classes: fault class → log-odds; page: who wrote the rule."""

    means: Means
    inherited: bool
    classes: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    page: str = ""


_CLASSES: Mapping[Means, Mapping[str, float]] = MappingProxyType(
    {
        "down": {FaultClass.CRASH: 3.0},
        "crash_loop": {FaultClass.CRASH_LOOP: 4.0},
        "node": {"node_failure": 4.0},
        "capacity": {"capacity_exhaustion": 4.0},
        "disk": {FaultClass.DISK_PRESSURE: 4.0},
        "memory": {FaultClass.MEMORY_LEAK: 2.0},
        "cpu": {FaultClass.CPU_SATURATION: 3.0},
        "locks": {FaultClass.LOCK_CONTENTION: 4.0},
        "connections": {FaultClass.CONNECTION_POOL_EXHAUSTION: 3.0},
        "backlog": {FaultClass.QUEUE_BACKLOG: 3.0},
        "errors": {FaultClass.ERROR_BURST: 1.5},
        "slow": {FaultClass.LATENCY_DEGRADATION: 1.5},
        "certificate": {FaultClass.BAD_CONFIGURATION: 2.0},
        "telemetry": {TELEMETRY_GAP: 3.0},
    }
)
_INHERITED = frozenset({"errors", "slow"})


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    page: Annotated[str, Field(pattern=r"^https?://")]
    alerts: dict[Means, tuple[str, ...]]


_PAGES = TypeAdapter(list[_Page])


def read_alert_meanings(text: str, name: str) -> Mapping[str, AlertMeaning]:
    """Name of an alert → what it means. Raises InvalidSettings naming the file and the place."""
    try:
        pages = _PAGES.validate_python(yaml.safe_load(text) or [])
    except yaml.YAMLError as bad:
        raise InvalidSettings(name, f"is no YAML: {bad}") from bad
    except ValidationError as bad:
        first = bad.errors()[0]
        raise InvalidSettings(f"{name}: {'.'.join(map(str, first['loc']))}", first["msg"]) from bad
    return MappingProxyType(
        {
            alert: AlertMeaning(means, means in _INHERITED, _CLASSES.get(means, MappingProxyType({})), page.page)
            for page in pages
            for means, alerts in page.alerts.items()
            for alert in alerts
        }
    )


@lru_cache(maxsize=1)
def shipped_alert_meanings() -> Mapping[str, AlertMeaning]:
    """The table that ships with Akeso."""
    path = files("akeso") / "defaults" / "alert-rules.yaml"
    return read_alert_meanings(path.read_text(encoding="utf-8"), path.name)
