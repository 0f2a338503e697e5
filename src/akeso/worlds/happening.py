"""What happens in a world at one moment, beside the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

ALL_SIGNALS = frozenset({"metrics", "logs", "traces"})
NOTHING: Mapping[str, str] = MappingProxyType({})


class Level(StrEnum):
    """Of a log line."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Thrown:
    """An exception. type: as the language names it (`java.net.SocketTimeoutException`); stack: the trace as the
    language prints it, lines separated by newlines, "" where none was written."""

    type: str
    message: str
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One log line. instance: row of who wrote it; template: with {names} of `fields` in it, the same for all lines of
    its kind; trace, span: 0 where it was written outside of a request that is in `Observation.requests`."""

    at: int
    instance: int
    level: Level
    logger: str
    template: str
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    thrown: Thrown | None = None
    trace: int = 0
    span: int = 0

    @property
    def message(self) -> str:
        """The template with its fields filled in."""
        return self.template.format_map(self.fields) if self.fields else self.template


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody or something changed a service. kind: deploy, config, scale, flag, rollback, revert, retire, rename.

    to: the new version, number of replicas or name; told: whether the team's tools tell it at all (many do not)."""

    at: int
    service: str
    kind: str
    to: str
    by: str = "ci"
    told: bool = True


@dataclass(frozen=True, slots=True)
class Orchestrated:
    """What the orchestrator says of an object, as a Kubernetes event. reason: Scheduled, Pulled, Started, Killing,
    BackOff, OOMKilling, Unhealthy, FailedScheduling, NodeNotReady, ScalingReplicaSet, Completed, …

    instance: row, or -1 where it speaks of a service or node as a whole; normal: type Normal, otherwise Warning."""

    at: int
    service: str
    instance: int
    reason: str
    message: str
    normal: bool = True
    node: str = ""


@dataclass(frozen=True, slots=True)
class Exited:
    """A process ended. code: its exit code (137 = killed); reason: Error, OOMKilled, Completed, Terminated."""

    at: int
    instance: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Probed:
    """A health check changed its mind about an instance."""

    at: int
    instance: int
    healthy: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """Telemetry itself is lost or back. scope: `service`, `node`, or `all`; name: which; signals: what is lost of
    "metrics", "logs", "traces"; nothing is wrong with who is no longer heard of. A teller must heed it."""

    at: int
    scope: str
    name: str
    lost: bool
    signals: frozenset[str] = ALL_SIGNALS


Happening: TypeAlias = Line | Changed | Orchestrated | Exited | Probed | Outage
