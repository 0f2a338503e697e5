"""Rules over time: what is pending, fires and has ended.

https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from akeso.worlds.dialects.alerting.recent import Recent
from akeso.worlds.dialects.alerting.rule import FiringAlert, Found, Rule, Scene
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.observation import Observation

_WINDOW_S = 300


@dataclass(frozen=True, slots=True)
class _Active:
    found: Found
    since: int
    alert: FiringAlert | None = None


class Evaluation:
    """Evaluates every rule each `every_s` seconds. external: labels that the server adds."""

    def __init__(self, assignment: Assignment, rules: Sequence[Rule], every_s: float, external: dict[str, str]) -> None:
        self._rules, self._external = rules, external
        self._every = round(every_s * SECOND)
        self._scene = Scene(assignment, Recent(assignment.tally, max(round(_WINDOW_S / every_s), 1)))
        self._next = assignment.start + int(assignment.random.integers(1, self._every))
        self._active: dict[tuple[str, tuple[tuple[str, str], ...]], _Active] = {}

    def take(self, observation: Observation) -> list[tuple[int, FiringAlert]]:
        """(when, alert) of all that began or ended to fire in a tick."""
        self._scene.recent.take(observation)
        changes: list[tuple[int, FiringAlert]] = []
        while self._next <= observation.end:
            changes += [(self._next, alert) for alert in self._evaluate(self._next)]
            self._next += self._every
            self._scene.recent.turn()
        return changes

    def _evaluate(self, at: int) -> list[FiringAlert]:
        changes, seen = [], set()
        for rule in self._rules:
            for found in rule.find(self._scene):
                key = (rule.name, tuple(sorted(found.labels.items())))
                seen.add(key)
                active = self._active.get(key, _Active(found, at))
                if active.alert is None and at - active.since >= rule.for_s * SECOND:
                    active = replace(active, alert=self._alert(rule, found, at))
                    changes.append(active.alert)
                self._active[key] = active
        for key in [key for key in self._active if key not in seen]:
            ended = self._active.pop(key).alert
            if ended is not None:
                changes.append(replace(ended, ends=at))
        return [each for each in changes if each is not None]

    def _alert(self, rule: Rule, found: Found, at: int) -> FiringAlert:
        labels = {"alertname": rule.name, "severity": rule.severity, **found.labels, **self._external}
        words = {"value": found.value, **found.labels}
        annotations = {"summary": rule.summary.format_map(words)}
        if rule.description:
            annotations["description"] = rule.description.format_map(words)
        return FiringAlert(labels, annotations, at)
