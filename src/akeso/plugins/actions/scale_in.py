"""Stop instances of a service."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed
from akeso.domain.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.plan import Risk, Step
from akeso.domain.service import Bound, ServiceSpec
from akeso.plugins.targets.binding import whole_number
from akeso.plugins.targets.outcome import looking, recorded, seen, told
from akeso.plugins.targets.supervisor import Patience, Supervisor

PreState = Mapping[str, str]


class ScaleIn:
    """Stop the last running members of the group, never the only one. Parameter `instances`: how many (default 1)."""

    name = "scale_in"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.PROCESS.value

    def __init__(self, call_s: float = 3.0, grace_s: float = 1.5, deadline_s: float = 15.0) -> None:
        self._patience = Patience(call_s, grace_s, deadline_s)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Which members would stop, and how many run. Raises ActionFailed when none would be left."""
        wanted = whole_number(step.parameters, "instances", 1)
        with looking():
            members = await Supervisor.of(service, self._patience).members()
        running = [m.name for m in members if m.state == "RUNNING"]
        if len(running) <= wanted:
            raise ActionFailed(f"{len(running)} of {service.name} run; stopping {wanted} would leave none")
        chosen = running[-wanted:]
        return {"due": " ".join(chosen), "running": str(len(running)), "takes_down": str(len(chosen))}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names the members and counts those that run."""
        state = await self.capture(step, service)
        return f"Stop {state['due'].replace(' ', ', ')} of {service.name}; {state['running']} run now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once they are stopped."""
        del step, key
        return await told(self._stop(service, pre_state))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Start the members that were stopped."""
        del step, key
        return await told(self._start(service, pre_state))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done when all of them are stopped, Failed when all still run."""
        del step, key
        return await seen(self._check(service, pre_state))

    async def _stop(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        supervisor, names = Supervisor.of(service, self._patience), recorded(state, "due").split()
        with looking():
            await supervisor.members()
        for name in names:
            await supervisor.stop(name)
        return Done(f"stopped {', '.join(names)}", {"instances": int(recorded(state, "running")) - len(names)})

    async def _start(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        supervisor, names = Supervisor.of(service, self._patience), recorded(state, "due").split()
        for name in names:
            await supervisor.start(name)
        return Done(f"started {', '.join(names)} again")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        members = {m.name: m.state for m in await Supervisor.of(service, self._patience).members()}
        states = {name: members.get(name, "gone") for name in recorded(state, "due").split()}
        said = ", ".join(f"{name} is {now}" for name, now in states.items())
        if set(states.values()) == {"STOPPED"}:
            return Done(said)
        return Failed(said) if set(states.values()) == {"RUNNING"} else Unknown(said)
