"""What users felt while a world was lived through."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from akeso.domain.incident.outcome import EffectOutcome
from akeso.worlds.delivery import Delivery
from akeso.worlds.running.run import Scene
from akeso.worlds.scenarios.scripted import Effect
from akeso.worlds.truth import Hurt, Truth

_EVERY = 5  # seconds between two looks at the users


class Knowing(Scene, Protocol):
    """A scene that knows what is really so; akeso.worlds.world.World."""

    @property
    def truth(self) -> tuple[Truth, ...]: ...

    def hurting(self) -> tuple[Hurt, ...]: ...


@dataclass(slots=True)
class Watched:
    """Implements akeso.worlds.running.run.Scene over a world. done: every effect; hurt: (ns, services whose users were
    worse off than promised then), every five seconds; cpu_s: what living and telling the world took."""

    world: Knowing
    done: list[Effect] = field(default_factory=list)
    hurt: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    cpu_s: float = 0.0
    _turn: int = 0

    @property
    def now(self) -> int:
        return self.world.now

    @property
    def step_s(self) -> int:
        """Seconds between two looks."""
        return _EVERY

    def advance(self, until: int) -> Sequence[Delivery]:
        began = time.process_time()
        said = self.world.advance(until)
        self.cpu_s += time.process_time() - began
        self._turn += 1
        if self._turn % _EVERY == 0:
            self.hurt.append((self.now, frozenset(each.service for each in self.world.hurting())))
        return said

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] | None = None, *, undo: bool = False
    ) -> EffectOutcome:
        self.done.append(Effect(self.now, action, target, undo))
        return self.world.act(action, target, parameters or {}, undo=undo)

    def look(self, action: str, target: str) -> Mapping[str, str]:
        return self.world.look(action, target)
