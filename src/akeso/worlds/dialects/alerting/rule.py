"""Alerting rules."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from akeso.worlds.dialects.alerting.recent import Recent
from akeso.worlds.dialects.assignment import Assignment


@dataclass(frozen=True, slots=True)
class Found:
    """Something a rule's expression yields. labels: without alertname and severity; value: as the text tells it."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What rules look at."""

    assignment: Assignment
    recent: Recent


@dataclass(frozen=True, slots=True)
class Rule:
    """for_s: how long it has to hold before it fires; summary, description: with {labels} and {value}."""

    name: str
    severity: str
    for_s: float
    find: Callable[[Scene], Iterable[Found]]
    summary: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that fires or has ended. starts, ends: ns; ends 0 while it fires."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: int
    ends: int = 0

    @property
    def fingerprint(self) -> str:
        """As Prometheus' common library makes it: FNV-1a of the sorted labels.

        https://github.com/prometheus/common/blob/main/model/signature.go
        """
        found = 14_695_981_039_346_656_037
        for name, value in sorted(self.labels.items()):
            for byte in (*name.encode(), 0xFF, *value.encode(), 0xFF):
                found = (found ^ byte) * 1_099_511_628_211 & 0xFFFF_FFFF_FFFF_FFFF
        return f"{found:016x}"
