"""A world that runs: time, what people and machines do in it, and what its senders say."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Self

from akeso.domain.incident.outcome import EffectOutcome, Failed
from akeso.worlds.delivery import Delivery, Teller
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.truth import Hurt, Truth

NONE: Mapping[str, str] = MappingProxyType({})


class World:
    """A system in virtual time. The same spec, seed, tellers and acts give the same deliveries, byte for byte."""

    def __init__(self, spec: WorldSpec, seed: int, tellers: Sequence[Teller]) -> None:
        self.spec = spec
        self.seed = seed
        self._tellers = tuple(tellers)
        self._now = spec.start

    @classmethod
    def open(cls, spec: WorldSpec, seed: int, tellers: Sequence[Teller] = ()) -> Self:
        """A world at `spec.start`, calm: as if it had run for long. Raises InvalidInput when the spec does not hold
        together (a call to nowhere, a circle of calls, an event on nobody)."""
        return cls(spec, seed, tellers)

    @property
    def now(self) -> int:
        """Virtual time, ns since the epoch; a whole number of ticks of one second after the start."""
        return self._now

    def advance(self, until: int) -> list[Delivery]:
        """Let time pass until `until` (ns; ticks that are not over by then are left), and return what senders sent, in
        the order of `at`."""
        del until
        return []

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] = NONE, *, undo: bool = False
    ) -> EffectOutcome:
        """Do what an action of Akeso does, now: Done, or Failed with why. `target` is a service. Consequences take
        their time. `undo` takes back what can be taken back (scaling, versions, fallback, flag, drained queue)."""
        del parameters, undo
        return Failed(f"{action} on {target}: the simulation is not built yet")

    def look(self, action: str, target: str) -> Mapping[str, str]:
        """What an action would find before it acts (instances and their states, versions, waiting messages, the
        blocking session, whether the fallback is on), for `capture`, `preview` and `check`. Raises NotFound."""
        del action, target
        return NONE

    def plan(self, planned: Planned) -> None:
        """Let something happen `planned.after_s` after now. Raises InvalidInput for an unknown kind or target."""
        del planned

    def end(self, truth_id: str) -> None:
        """End a fault as its own end would, whatever it left behind stays."""
        del truth_id

    @property
    def truth(self) -> tuple[Truth, ...]:
        """All that has happened so far, in order of beginning."""
        return ()

    def hurt(self, service: str) -> Hurt:
        """What users of a service feel."""
        raise NotImplementedError(service)

    def hurting(self) -> tuple[Hurt, ...]:
        """The services whose users are worse off than promised."""
        return ()
