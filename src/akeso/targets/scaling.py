"""How many members of a supervised group run: what starting more and stopping some have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from enum import StrEnum

from akeso.domain.estate.service import Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.targets.binding import whole_number
from akeso.targets.effect import Effect, PreState
from akeso.targets.outcome import looking, recorded
from akeso.targets.supervisor import EXAMPLE, Member, Patience, Supervisor


class Aim(StrEnum):
    """The state that members are brought to, as the supervisor calls it."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"

    @property
    def opposite(self) -> "Aim":
        return Aim.STOPPED if self is Aim.RUNNING else Aim.RUNNING

    @property
    def verb(self) -> str:
        return "start" if self is Aim.RUNNING else "stop"

    @property
    def past(self) -> str:
        return "started" if self is Aim.RUNNING else "stopped"


class Scaling(Effect):
    """An action that brings some members of a group to `aim`, and back. Parameter `instances`: how many (default 1)."""

    reversible = True
    binding = Bound.PROCESS.value
    example_binding = EXAMPLE
    aim: Aim

    def __init__(self, call_s: float = 3.0, grace_s: float = 1.5, deadline_s: float = 15.0) -> None:
        self._patience = Patience(call_s, grace_s, deadline_s)

    @abstractmethod
    def chosen(self, members: Sequence[Member], wanted: int, service: str) -> PreState:
        """`due`: the members to change, separated by spaces; `running`: how many run. Raises ActionFailed when it
        cannot be done."""

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Which members would change, and how many run. Raises ActionFailed when it cannot be done."""
        wanted = whole_number(step.parameters, "instances", 1)
        with looking():
            members = await Supervisor.of(service, self._patience).members()
        return self.chosen(members, wanted, service.name)

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names the members and counts those that run."""
        state = await self.capture(step, service)
        due = state["due"].replace(" ", ", ")
        return f"{self.aim.verb.capitalize()} {due} of {service.name}; {state['running']} run now."

    async def _apply(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        names = recorded(state, "due").split()
        with looking():
            await Supervisor.of(service, self._patience).members()
        await self._bring(service, names, self.aim)
        change = len(names) if self.aim is Aim.RUNNING else -len(names)
        return Done(f"{self.aim.past} {', '.join(names)}", {"instances": int(recorded(state, "running")) + change})

    async def _undo(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        names = recorded(state, "due").split()
        await self._bring(service, names, self.aim.opposite)
        return Done(f"{self.aim.opposite.past} {', '.join(names)} again")

    async def _bring(self, service: ServiceSpec, names: Sequence[str], aim: Aim) -> None:
        supervisor = Supervisor.of(service, self._patience)
        for name in names:
            await (supervisor.start(name) if aim is Aim.RUNNING else supervisor.stop(name))

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        members = {m.name: m.state for m in await Supervisor.of(service, self._patience).members()}
        states = {name: members.get(name, "gone") for name in recorded(state, "due").split()}
        said = ", ".join(f"{name} is {now}" for name, now in states.items())
        if set(states.values()) == {self.aim}:
            return Done(said)
        return Failed(said) if set(states.values()) == {self.aim.opposite} else Unknown(said)
