"""The scene of a scenario without a simulated world: its senders, and a record of what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from akeso.domain.incident.outcome import Done, EffectOutcome
from akeso.worlds.delivery import Delivery
from akeso.worlds.running.run import Scene
from akeso.worlds.scenarios.document import Sender
from akeso.worlds.scenarios.senders import Speaking

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Effect:
    """at: ns since the epoch, to the second before it; taken_back: an earlier effect was undone."""

    at: int
    action: str
    target: str
    taken_back: bool = False


class Stage:
    """Implements akeso.worlds.running.run.Scene over scripted senders and, where there is one, a world behind them.

    done: every effect, in order."""

    def __init__(self, start: int, senders: Sequence[Sender], world: Scene | None = None) -> None:
        self.now, self.done = start, list[Effect]()
        self._speaking = [Speaking(sender, start) for sender in senders]
        self._world = world

    def advance(self, until: int) -> Sequence[Delivery]:
        said = [delivery for each in self._speaking for delivery in each.between(self.now, until)]
        if self._world is not None:
            said.extend(self._world.advance(until))
        self.now = until
        return sorted(said, key=lambda delivery: delivery.at)

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] = _NONE, *, undo: bool = False
    ) -> EffectOutcome:
        self.done.append(Effect(self.now, action, target, undo))
        for each in self._speaking:
            each.acted_on(action, target, self.now)
        if self._world is not None:
            return self._world.act(action, target, parameters, undo=undo)
        return Done(f"{action} {target}")

    def look(self, action: str, target: str) -> Mapping[str, str]:
        return _NONE if self._world is None else self._world.look(action, target)
