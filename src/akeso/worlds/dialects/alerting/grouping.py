"""How Alertmanager groups, waits, repeats and ends.

https://prometheus.io/docs/alerting/latest/configuration/#route
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from akeso.worlds.dialects.alerting.rule import FiringAlert
from akeso.worlds.dialects.schedule import SECOND


class RouteOptions(BaseModel):
    """As in a route of Alertmanager; group_by `...` is every alert by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group_by: tuple[str, ...] = ("alertname",)
    group_wait_s: float = Field(default=30.0, ge=0)
    group_interval_s: float = Field(default=300.0, gt=0)
    repeat_interval_s: float = Field(default=14_400.0, gt=0)


@dataclass(frozen=True, slots=True)
class Notification:
    """What a receiver is told of a group. at: ns; labels: the group's."""

    at: int
    labels: Mapping[str, str]
    alerts: Sequence[FiringAlert]

    @property
    def key(self) -> str:
        """The group's key below the root route."""
        quoted = ", ".join(f'{name}="{value}"' for name, value in sorted(self.labels.items()))
        return "{}:{" + quoted + "}"

    @property
    def status(self) -> str:
        """Firing while any of them does."""
        return "resolved" if all(alert.ends for alert in self.alerts) else "firing"


@dataclass(slots=True)
class _Group:
    labels: dict[str, str]
    next: int
    told: int = 0
    changed: bool = True
    alerts: dict[str, FiringAlert] = field(default_factory=dict)


class Grouping:
    """The groups of one route."""

    def __init__(self, options: RouteOptions) -> None:
        self._options = options
        self._groups: dict[tuple[tuple[str, str], ...], _Group] = {}

    def take(self, at: int, alert: FiringAlert) -> None:
        """An alert began or ended."""
        by = self._options.group_by
        names = alert.labels if by == ("...",) else by
        labels = {name: alert.labels[name] for name in names if name in alert.labels}
        key = tuple(sorted(labels.items()))
        group = self._groups.get(key)
        if group is None:
            if alert.ends:
                return
            group = self._groups[key] = _Group(labels, at + round(self._options.group_wait_s * SECOND))
        group.alerts[alert.fingerprint] = alert
        group.changed = True

    def notifications(self, now: int) -> Iterator[Notification]:
        """What is to be told up to `now`."""
        for key in list(self._groups):
            group = self._groups[key]
            while key in self._groups and group.next <= now:
                yield from self._flush(key, group)

    def _flush(self, key: tuple[tuple[str, str], ...], group: _Group) -> Iterator[Notification]:
        at, again = group.next, group.told + round(self._options.repeat_interval_s * SECOND)
        group.next += round(self._options.group_interval_s * SECOND)
        if group.changed or at >= again:
            # What began and ended before anybody was told is never told.
            silent = not group.told and all(alert.ends for alert in group.alerts.values())
            if not silent:
                yield Notification(at, group.labels, tuple(group.alerts.values()))
            group.told, group.changed = at, False
        group.alerts = {name: alert for name, alert in group.alerts.items() if not alert.ends}
        if not group.alerts:
            del self._groups[key]
