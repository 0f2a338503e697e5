"""Autoscaling, as a horizontal pod autoscaler does it."""

from math import ceil

import numpy as np

from akeso.worlds.estate.service import Autoscaling
from akeso.worlds.happening import Changed, Orchestrated
from akeso.worlds.observation import UP
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.lifecycle import Lifecycle
from akeso.worlds.simulation.settings import Settings

_EVERY_S = 15
_TOLERANCE = 0.1
_CALM_S = 300.0


class Scaling:
    """Adds and removes instances of services that scale themselves, and whoever asks it to."""

    def __init__(self, lifecycle: Lifecycle, settings: Settings) -> None:
        self._life = lifecycle
        self._settings = settings
        services = lifecycle.layout.services
        self._auto = [(row, s.autoscaling) for row, s in enumerate(services) if s.autoscaling is not None]
        self._last: dict[str, float] = {}

    def step(self) -> None:
        """One second on."""
        if int(self._life.now_s) % _EVERY_S == 0:
            for row, rule in self._auto:
                self._look(row, rule)

    def to(self, service: str, count: int, by: str = "autoscaler", *, told: bool = False) -> int:
        """Want `count` instances of a service, as far as there is room; returns how many will be. The last ones go
        first."""
        life = self._life
        rows = life.layout.rows(service)
        count = max(0, min(count, len(rows)))
        before = int(life.state.wanted[rows.start : rows.stop].sum())
        self._want(rows, count)
        if count != before:
            self._last[service] = life.now_s
            life.said.append(Changed(life.now, service, "scale", str(count), by, told))
            message = f"Scaled {'up' if count > before else 'down'} replica set {service} to {count} from {before}"
            life.said.append(Orchestrated(life.now, service, -1, "ScalingReplicaSet", message))
        return count

    def wanted(self, service: str) -> int:
        """How many instances there should be."""
        rows = self._life.layout.rows(service)
        return int(self._life.state.wanted[rows.start : rows.stop].sum())

    def _want(self, rows: range, count: int) -> None:
        wanted = self._life.state.wanted
        there = [row for row in rows if wanted[row]]
        for row in there[count:]:
            wanted[row] = False
        missing = count - len(there)
        for row in [row for row in rows if not wanted[row]][: max(missing, 0)]:
            wanted[row] = True

    def _look(self, row: int, rule: Autoscaling) -> None:
        layout, state = self._life.layout, self._life.state
        name = layout.services[row].name
        if self._settings[Knob.NO_SCALING][row] > 0 or name in state.retired:
            return
        rows = layout.rows(name)
        at = slice(rows.start, rows.stop)
        up = state.status[at] == UP
        count = self.wanted(name)
        if not up.any() or count == 0:
            return
        ratio = float(np.minimum(state.rho_cpu[at][up], 1.5).mean()) / rule.target
        if abs(ratio - 1) <= _TOLERANCE:
            return
        aim = min(max(ceil(count * ratio), rule.least), rule.most)
        quiet = self._life.now_s - self._last.get(name, -1e9) > _CALM_S
        if aim > count or (aim < count and quiet):
            self.to(name, aim if aim > count else count - 1)
