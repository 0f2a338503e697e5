"""A world that runs: time, what people and machines do in it, and what its senders say."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Self

from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.incident.outcome import EffectOutcome, Failed
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.agenda import Agenda
from akeso.worlds.delivery import Delivery, Teller
from akeso.worlds.discovery import effects
from akeso.worlds.observation import Observation
from akeso.worlds.simulation.simulation import Simulation
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.stage import Stage
from akeso.worlds.truth import Hurt, Truth

NONE: Mapping[str, str] = MappingProxyType({})


class World:
    """A system in virtual time. The same spec, seed, tellers and acts give the same deliveries, byte for byte."""

    def __init__(self, spec: WorldSpec, seed: int, tellers: Sequence[Teller]) -> None:
        self.spec = spec
        self.seed = seed
        self._tellers = tuple(tellers)
        share = max((teller.trace_share for teller in tellers), default=0.0)
        self._sim = Simulation(spec.estate, seed, spec.start, share)
        self._agenda = Agenda(self._sim)
        self._acts = 0
        for planned in spec.planned:
            self._agenda.add(planned)

    @classmethod
    def open(cls, spec: WorldSpec, seed: int, tellers: Sequence[Teller] = ()) -> Self:
        """A world at `spec.start`, calm: as if it had run for long. Raises InvalidInput when the spec does not hold
        together (a call to nowhere, a circle of calls, an event on nobody)."""
        return cls(spec, seed, tellers)

    @property
    def now(self) -> int:
        """Virtual time, ns since the epoch; a whole number of ticks of one second after the start."""
        return self._sim.now

    def advance(self, until: int) -> list[Delivery]:
        """Let time pass until `until` (ns; ticks that are not over by then are left), and return what senders sent, in
        the order of `at`."""
        sent: list[Delivery] = []
        while self.now + NANOSECONDS <= until:
            self.tick()
            for teller in self._tellers:
                sent += teller.due(self.now)
        return sorted(sent, key=lambda delivery: delivery.at)

    def tick(self) -> Observation:
        """One second, told to the tellers."""
        self._agenda.step()
        seen = self._sim.tick()
        for teller in self._tellers:
            teller.observe(seen)
        return seen

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] = NONE, *, undo: bool = False
    ) -> EffectOutcome:
        """Do what an action of Akeso does, now: Done, or Failed with why. `target` is a service. Consequences take
        their time. `undo` takes back what can be taken back (scaling, versions, fallback, flag, drained queue)."""
        effect = effects().get(action)
        if effect is None:
            return Failed(f"nobody here can do {action}")
        does = effect.back if undo else effect.act
        if does is None:
            return Failed(f"{action} cannot be undone")
        try:
            name = self._sim.life.registry.own_name(target)
        except NotFound as error:
            return Failed(str(error))
        self._acts += 1
        return does(Stage(self._sim, self._sim.streams.of("act", str(self._acts))), name, parameters)

    def look(self, action: str, target: str) -> Mapping[str, str]:
        """What an action would find before it acts (instances and their states, versions, waiting messages, the
        blocking session, whether the fallback is on), for `capture`, `preview` and `check`. Raises NotFound."""
        effect = effects().get(action)
        if effect is None:
            raise NotFound(f"nobody here can do {action}")
        name = self._sim.life.registry.own_name(target)
        return effect.look(Stage(self._sim, self._sim.streams.of("look")), name)

    def plan(self, planned: Planned) -> None:
        """Let something happen `planned.after_s` after now. Raises InvalidInput for an unknown kind or target."""
        if planned.after_s < 0:
            raise InvalidInput("after_s", f"{planned.after_s} is in the past")
        self._agenda.add(planned)

    def end(self, truth_id: str) -> None:
        """End what happens as its own end would; what it left behind stays. Raises NotFound."""
        self._agenda.end(truth_id)

    @property
    def truth(self) -> tuple[Truth, ...]:
        """All that has happened so far, in order of beginning."""
        return self._agenda.truth

    def hurt(self, service: str) -> Hurt:
        """What users of a service feel. Raises NotFound."""
        name = self._sim.life.registry.own_name(service)
        return self._sim.users.hurt(name, self._sim.queues.age(name))

    def hurting(self) -> tuple[Hurt, ...]:
        """The services whose users are worse off than promised."""
        felt = (self.hurt(service.name) for service in self.spec.estate.services)
        return tuple(hurt for hurt in felt if hurt.hurts)
