"""Conditions resolved: for every knob one value a row."""

from collections.abc import Callable, Iterable
from itertools import count

import numpy as np

from akeso.domain.telemetry.batches import Codes, Floats, Ids, Mask
from akeso.worlds.answers import Answer
from akeso.worlds.happening import Thrown
from akeso.worlds.simulation.knobs import KNOBS, Axis, Combining, Condition, Knob, Turn
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.state import State


class Settings:
    """The knobs of a world. `resolve` is cheap while nothing changed; who changes versions, flags or processes calls
    `stir`."""

    def __init__(self, layout: Layout, state: State) -> None:
        self._layout = layout
        self._state = state
        self._sizes = _sizes(layout)
        self._conditions: dict[int, Condition] = {}
        self._numbers = count(1)
        self._dirty = True
        self._neutral = {knob: np.full(self._sizes[knob.axis], knob.neutral) for knob in KNOBS}
        self._values = dict(self._neutral)
        self.answers: Codes = np.full(self._sizes[Axis.ENDPOINT], Answer.FAILED, np.uint8)
        self.fast_answers: Codes = np.full(self._sizes[Axis.LINK], Answer.REFUSED, np.uint8)
        self.thrown: dict[int, Thrown] = {}
        self.turned: frozenset[Turn] = frozenset()

    def __getitem__(self, knob: Turn) -> Floats:
        """float64 of the knob's axis. Not written into."""
        return self._values[knob]

    @property
    def conditions(self) -> Iterable[Condition]:
        """All that hold, whether or not they have rows now."""
        return self._conditions.values()

    def add(self, condition: Condition) -> int:
        """Let a condition hold; returns its number."""
        number = next(self._numbers)
        self._conditions[number] = condition
        self._dirty = True
        return number

    def remove(self, number: int) -> None:
        """Let it hold no longer. One that is gone already is no error."""
        self._conditions.pop(number, None)
        self._dirty = True

    def stir(self) -> None:
        """Versions, configurations, flags or processes are others now."""
        self._dirty = True

    def resolve(self) -> None:
        """Bring all values up to date."""
        if not self._dirty:
            return
        self._dirty = False
        self._values = dict(self._neutral)
        self.answers[:] = Answer.FAILED
        self.fast_answers[:] = Answer.REFUSED
        self.thrown = {}
        for condition in self._conditions.values():
            self._lay(condition)
        self.turned = frozenset(c.knob for c in self._conditions.values())

    def touches(self, number: int) -> bool:
        """Whether a condition that holds has any row now."""
        condition = self._conditions.get(number)
        return condition is not None and bool(self._rows(condition).any())

    def _lay(self, condition: Condition) -> None:
        rows = self._rows(condition)
        if not rows.any():
            return
        knob = condition.knob
        if self._values[knob] is self._neutral[knob]:
            self._values[knob] = self._neutral[knob].copy()
        values = self._values[knob]
        values[rows] = _COMBINE[knob.combining](values[rows], condition.amount)
        if knob is Knob.ERRORS:
            self.answers[rows] = condition.answer
            if condition.thrown is not None:
                self.thrown.update(dict.fromkeys(np.flatnonzero(rows).tolist(), condition.thrown))
        if knob is Knob.FAST_FAIL:
            self.fast_answers[rows] = condition.answer

    def _rows(self, condition: Condition) -> Mask:
        match condition.knob.axis:
            case Axis.INSTANCE:
                return self._instances(condition)
            case Axis.ENDPOINT:
                return self._endpoints(condition)
            case Axis.NODE:
                return _named(condition.node or "-", [node.name for node in self._layout.estate.nodes])
            case Axis.SOURCE:
                return self._sources(condition)
            case Axis.SERVICE:
                return _named(condition.service or "-", [s.name for s in self._layout.services])
            case Axis.POOL:
                return self._pools(condition)
            case Axis.LEG:
                return self._legs(condition)
            case Axis.LINK:
                return self._links(condition)

    def _instances(self, condition: Condition) -> Mask:
        layout, state = self._layout, self._state
        rows = np.ones(len(layout.service_of), bool)
        if condition.service:
            rows &= layout.service_of == layout.estate.row_of[condition.service]
        if condition.instances:
            rows &= np.isin(np.arange(len(rows)), condition.instances)
        if condition.node and condition.knob.axis is not Axis.NODE:
            names = [node.name for node in layout.estate.nodes]
            rows &= layout.node_of == names.index(condition.node)
        if condition.version:
            rows &= np.array([version == condition.version for version in state.version])
        if condition.configuration:
            rows &= np.array([one == condition.configuration for one in state.configuration])
        if condition.lives_in:
            same = {row for row, generation in condition.lives_in if state.generation[row] == generation}
            rows &= np.isin(np.arange(len(rows)), list(same))
        if condition.flag and condition.flag not in state.flags.get(condition.service, ()):
            rows[:] = False
        return rows

    def _endpoints(self, condition: Condition) -> Mask:
        rows = self._instances(condition)[self._layout.instance_of]
        return np.asarray(rows & _named(condition.operation, [o.name for o in self._layout.operation]))

    def _sources(self, condition: Condition) -> Mask:
        sources = self._layout.sources
        of = np.array([s.service == condition.service for s in sources], bool)
        visitors = np.array([s.traffic is not None for s in sources], bool)
        return np.asarray(of & visitors & _named(condition.operation, [s.operation for s in sources]))

    def _pools(self, condition: Condition) -> Mask:
        rows = self._instances(condition)[self._layout.pool_instance]
        return rows & self._peers(condition, self._layout.pool_service)

    def _legs(self, condition: Condition) -> Mask:
        layout = self._layout
        caller = layout.origin_instance[layout.leg_origin]
        inner = self._instances(condition)[caller] & (caller >= 0)
        rows = inner if condition.service else np.ones(len(caller), bool)
        operations = [layout.sites[site].caller_operation for site in layout.leg_site]
        rows = rows & _named(condition.operation, operations)
        return np.asarray(rows & self._peers(condition, layout.leg_service))

    def _links(self, condition: Condition) -> Mask:
        rows = self._legs(condition)[self._layout.link_leg]
        if condition.peers:
            rows &= np.isin(self._layout.link_callee, condition.peers)
        return rows

    def _peers(self, condition: Condition, service_rows: Ids) -> Mask:
        if not condition.peer:
            return np.ones(len(service_rows), bool)
        return np.asarray(service_rows == self._layout.estate.row_of[condition.peer])


def _named(name: str, names: list[str]) -> Mask:
    return np.array([one == name for one in names], bool) if name else np.ones(len(names), bool)


def _sizes(layout: Layout) -> dict[Axis, int]:
    return {
        Axis.ENDPOINT: len(layout.instance_of),
        Axis.INSTANCE: len(layout.service_of),
        Axis.LEG: len(layout.leg_origin),
        Axis.LINK: len(layout.link_leg),
        Axis.POOL: len(layout.pool_size),
        Axis.NODE: len(layout.estate.nodes),
        Axis.SOURCE: len(layout.sources),
        Axis.SERVICE: len(layout.services),
    }


_COMBINE: dict[Combining, Callable[[Floats, float], Floats]] = {
    Combining.TIMES: lambda values, amount: values * amount,
    Combining.PLUS: lambda values, amount: values + amount,
    Combining.MOST: np.maximum,
    Combining.LEAST: np.minimum,
    Combining.EITHER: lambda values, amount: 1 - (1 - values) * (1 - min(amount, 1.0)),
}
