"""Start more instances of a service."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed
from akeso.domain.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.plan import Risk, Step
from akeso.domain.service import Bound, ServiceSpec
from akeso.plugins.targets.binding import whole_number
from akeso.plugins.targets.outcome import looking, recorded, seen, told
from akeso.plugins.targets.supervisor import Patience, Supervisor

PreState = Mapping[str, str]


class ScaleOut:
    """Start the next stopped members of the group. Parameter `instances`: how many (default 1)."""

    name = "scale_out"
    reversible = True
    risk = Risk.LOW
    binding = Bound.PROCESS.value

    def __init__(self, call_s: float = 3.0, grace_s: float = 1.5, deadline_s: float = 15.0) -> None:
        self._patience = Patience(call_s, grace_s, deadline_s)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Which members would start, and how many run. Raises ActionFailed when no member is left to start."""
        wanted = whole_number(step.parameters, "instances", 1)
        with looking():
            members = await Supervisor.of(service, self._patience).members()
        stopped = [m.name for m in members if m.state == "STOPPED"]
        if not stopped:
            raise ActionFailed(f"no member of {service.name} is stopped: all {len(members)} are in use")
        running = sum(m.state == "RUNNING" for m in members)
        return {"due": " ".join(stopped[:wanted]), "running": str(running)}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names the members and counts those that run."""
        state = await self.capture(step, service)
        return f"Start {state['due'].replace(' ', ', ')} of {service.name}; {state['running']} run now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once the new members run."""
        del step, key
        return await told(self._start(service, pre_state))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Stop the members that were started."""
        del step, key
        return await told(self._stop(service, pre_state))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done when all of them run, Failed when all are still stopped."""
        del step, key
        return await seen(self._check(service, pre_state))

    async def _start(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        supervisor, names = Supervisor.of(service, self._patience), recorded(state, "due").split()
        with looking():
            await supervisor.members()
        for name in names:
            await supervisor.start(name)
        return Done(f"started {', '.join(names)}", {"instances": int(recorded(state, "running")) + len(names)})

    async def _stop(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        supervisor, names = Supervisor.of(service, self._patience), recorded(state, "due").split()
        for name in names:
            await supervisor.stop(name)
        return Done(f"stopped {', '.join(names)}")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        members = {m.name: m.state for m in await Supervisor.of(service, self._patience).members()}
        states = {name: members.get(name, "gone") for name in recorded(state, "due").split()}
        said = ", ".join(f"{name} is {now}" for name, now in states.items())
        if set(states.values()) == {"RUNNING"}:
            return Done(said)
        return Failed(said) if set(states.values()) == {"STOPPED"} else Unknown(said)
