"""What is to happen in a world, what happens, and the truth about it."""

from dataclasses import dataclass, replace

from akeso.domain.errors import InvalidInput, NotFound
from akeso.worlds.discovery import occurrences
from akeso.worlds.simulation.simulation import Simulation
from akeso.worlds.spec import Planned
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage
from akeso.worlds.truth import Truth

_LOOKS_EVERY = 3
_NEVER_S = 900.0


@dataclass(slots=True)
class _Open:
    """Something that happens. touched: its conditions have had an effect on anybody."""

    truth: Truth
    begun: Begun
    since_s: float
    until_s: float | None
    touched: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    at_s: float
    number: int
    kind: Occurrence
    planned: Planned


class Agenda:
    """Begins what is planned when it is time, ends it when it is over."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._entries: list[_Entry] = []
        self._open: dict[str, _Open] = {}
        self._truth: dict[str, Truth] = {}
        self._count = 0

    @property
    def truth(self) -> tuple[Truth, ...]:
        """All that has begun, in order."""
        return tuple(self._truth.values())

    def add(self, planned: Planned) -> None:
        """Plan something from now on. Raises InvalidInput."""
        kind = occurrences().get(planned.kind)
        if kind is None:
            raise InvalidInput("kind", f"there is no {planned.kind}; there are {', '.join(occurrences())}")
        self._check(kind, planned.target)
        at = self._sim.now / 1e9 - self._sim.start / 1e9 + planned.after_s
        self._entries.append(_Entry(at, self._count, kind, planned))
        self._entries.sort(key=lambda entry: (entry.at_s, entry.number))
        self._count += 1

    def step(self) -> None:
        """Before a tick."""
        now_s = (self._sim.now - self._sim.start) / 1e9
        while self._entries and self._entries[0].at_s <= now_s:
            self._begin(self._entries.pop(0), now_s)
        look = int(now_s) % _LOOKS_EVERY == 0
        for key, one in list(self._open.items()):
            if (one.until_s is not None and now_s >= one.until_s) or (look and self._over(one, now_s)):
                self.end(key)

    def end(self, truth_id: str) -> None:
        """End one now. Raises NotFound when there never was one; one that has ended is left."""
        if truth_id not in self._truth:
            raise NotFound(f"nothing that is called {truth_id} has happened")
        one = self._open.pop(truth_id, None)
        if one is None:
            return
        stage = self._stage(one.truth.id)
        stage.clear(one.begun.conditions)
        if one.begun.finish is not None:
            one.begun.finish(stage)
        self._truth[truth_id] = replace(one.truth, ended=self._sim.now)

    def _begin(self, entry: _Entry, now_s: float) -> None:
        kind, planned = entry.kind, entry.planned
        truth_id = f"{entry.number + 1}-{kind.name}"
        stage = self._stage(truth_id)
        target = planned.target or self._choose(kind, stage)
        begun = kind.begin(stage, Mishap(target, planned.strength, planned.parameters))
        truth = _truth(truth_id, kind, begun, self._sim.now)
        self._truth[truth_id] = truth
        until = None if planned.lasts_s is None else now_s + planned.lasts_s
        self._open[truth_id] = _Open(truth, begun, now_s, until)

    def _over(self, one: _Open, now_s: float) -> bool:
        begun = one.begun
        if begun.over is not None:
            return begun.over(self._stage(one.truth.id))
        if not begun.conditions:
            return now_s > one.since_s and not self._sim.rollouts.running(begun.service)
        touches = any(self._sim.settings.touches(number) for number in begun.conditions)
        one.touched = one.touched or touches
        return not touches and (one.touched or now_s - one.since_s > _NEVER_S)

    def _stage(self, name: str) -> Stage:
        return Stage(self._sim, self._sim.streams.of("occurrence", name))

    def _choose(self, kind: Occurrence, stage: Stage) -> str:
        names = self._suited(kind)
        return names[int(stage.random.integers(len(names)))]

    def _suited(self, kind: Occurrence) -> list[str]:
        """Who it can happen to. Rather those that are much called: a fault that nobody meets hurts nobody."""
        sim, estate = self._sim, self._sim.layout.estate
        services = [s.name for s in estate.services if kind.suits(estate, s) and self._is_met(s.name)]
        if kind.on == "service":
            return services
        rows = {row for name in services for row in sim.layout.rows(name) if sim.state.wanted[row]}
        return sorted({estate.nodes[int(sim.layout.node_of[row])].name for row in rows})

    def _is_met(self, service: str) -> bool:
        rows = self._sim.layout.rows(service)
        kind = self._sim.layout.estate[service]
        return kind.schedule is not None or float(self._sim.state.arrivals[rows.start : rows.stop].sum()) > 0.2

    def _check(self, kind: Occurrence, target: str) -> None:
        estate = self._sim.layout.estate
        names = [node.name for node in estate.nodes] if kind.on == "node" else list(estate.row_of)
        if target and target not in names:
            raise InvalidInput("target", f"there is no {kind.on} {target}")
        if target and kind.on == "service" and not kind.suits(estate, estate[target]):
            raise InvalidInput("target", f"{kind.name} cannot happen to {target}")
        if not target and not self._suited(kind):
            raise InvalidInput("target", f"{kind.name} can happen to nobody here")


def _truth(truth_id: str, kind: Occurrence, begun: Begun, now: int) -> Truth:
    return Truth(
        id=truth_id,
        kind=kind.name,
        fault_class=kind.fault_class,
        entity=begun.entity,
        service=begun.service,
        began=now,
        instances=begun.instances,
        ordinary=kind.ordinary,
        gap=kind.gap,
        hurts=begun.hurts,
        helps=begun.helps,
        harms=begun.harms,
        lasting=kind.lasting,
        partial=kind.partial,
        note=begun.note,
    )
