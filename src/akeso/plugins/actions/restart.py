"""Restart the processes of a service."""

from akeso.domain.estate.service import Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.binding import whole_number
from akeso.targets.effect import Effect, PreState
from akeso.targets.outcome import looking, recorded
from akeso.targets.supervisor import EXAMPLE, Member, Patience, Supervisor, due, renewed, restart_record


class Restart(Effect):
    """Dead members are started, running ones stopped (killed when they hang) and started, one after the other.

    Parameter `instances`: at most so many (default all). Spare members, which are stopped, are left alone.
    """

    name = "restart"
    reversible = False
    risk = Risk.LOW
    binding = Bound.PROCESS.value
    example_binding = EXAMPLE
    change_kind = ("restart", "restart")

    def __init__(self, call_s: float = 3.0, grace_s: float = 1.5, deadline_s: float = 15.0) -> None:
        self._patience = Patience(call_s, grace_s, deadline_s)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """State, pid and start of every member, and which of them are due."""
        members, chosen = await self._look(step, service)
        return restart_record(members, chosen)

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names the members and their states."""
        _, chosen = await self._look(step, service)
        named = ", ".join(f"{m.name} ({m.state}, pid {m.pid})" if m.pid else f"{m.name} ({m.state})" for m in chosen)
        return f"Restart {named} of {service.name}, one after the other."

    async def _apply(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        supervisor, names = Supervisor.of(service, self._patience), recorded(state, "due").split()
        with looking():
            await supervisor.members()
        await supervisor.restart(names)
        return Done(f"restarted {', '.join(names)}", {"instances": len(names)})

    async def _undo(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        del service, state
        return Failed("a restart cannot be undone")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        members = {m.name: m for m in await Supervisor.of(service, self._patience).members()}
        at, names = int(recorded(state, "at")), recorded(state, "due").split()
        new = [n for n in names if n in members and renewed(members[n], recorded(state, f"member.{n}"), at)]
        if len(new) == len(names):
            return Done(f"{', '.join(names)} started since")
        if all(n in members and members[n].record == state[f"member.{n}"] for n in names):
            return Failed(f"{', '.join(names)} were not touched")
        return Unknown(f"{len(new)} of {len(names)} members were started since")

    async def _look(self, step: Step, service: ServiceSpec) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
        supervisor = Supervisor.of(service, self._patience)
        with looking():
            members = await supervisor.members()
        return members, due(members, whole_number(step.parameters, "instances", len(members)))
