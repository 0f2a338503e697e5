"""Version folders with the links `current` and `previous`, and exchanging the two."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.targets.binding import bound
from akeso.targets.effect import Effect, PreState
from akeso.targets.outcome import looking, recorded
from akeso.targets.supervisor import Patience, Supervisor, due, renewed, restart_record


@dataclass(frozen=True, slots=True)
class Links:
    """The two links of one folder; their targets as the links hold them."""

    root: Path

    def read(self) -> tuple[str, str]:
        """(current, previous). Raises ActionFailed when one is missing, broken or both are the same."""
        current, previous = self._target("current"), self._target("previous")
        if current == previous:
            raise ActionFailed(f"{self.root}: current and previous are both {current}, so there is no way back")
        return current, previous

    def write(self, current: str, previous: str) -> None:
        """Each link is replaced in one step; `current`, the one that counts, first."""
        self._point("current", current)
        self._point("previous", previous)

    def current(self) -> str:
        """What is current now."""
        return self._target("current")

    def _target(self, link: str) -> str:
        try:
            target = os.readlink(self.root / link)
        except OSError as exc:
            raise ActionFailed(f"{self.root / link}: is no link to a version ({exc.strerror})") from exc
        if not (self.root / target).is_dir():
            raise ActionFailed(f"{self.root / link}: leads to {target}, which is no folder")
        return target

    def _point(self, link: str, target: str) -> None:
        draft = self.root / f".{link}.{os.getpid()}"
        try:
            draft.unlink(missing_ok=True)
            draft.symlink_to(target)
            draft.replace(self.root / link)
        except OSError as exc:
            raise ActionFailed(f"{self.root / link}: cannot be changed ({exc.strerror})") from exc


class VersionSwap(Effect):
    """Exchange current and previous, then restart the processes so that they take it; the reverse undoes it.

    Actions derive from it and say what is exchanged (`binding`) and what to call it (`thing`).
    """

    thing: str
    binding: str

    def __init__(self, call_s: float = 3.0, grace_s: float = 1.5, deadline_s: float = 15.0) -> None:
        self._patience = Patience(call_s, grace_s, deadline_s)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Both versions, and the processes as a restart records them."""
        del step
        links, supervisor = self._reach(service)
        current, previous = await asyncio.to_thread(links.read)
        with looking():
            members = await supervisor.members()
        return {"current": current, "previous": previous, **restart_record(members, due(members))}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names both versions and the processes."""
        state = await self.capture(step, service)
        names = state["due"].replace(" ", ", ")
        return (
            f"Put the {self.thing} of {service.name} back from {state['current']} to {state['previous']} "
            f"and restart {names}."
        )

    async def _apply(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        links, supervisor = self._reach(service)
        old, new = recorded(state, "current"), recorded(state, "previous")
        now = await asyncio.to_thread(links.current)
        if now not in {old, new}:
            return Failed(f"the {self.thing} is {now} now and was {old}: somebody else changed it")
        with looking():
            await supervisor.members()
        await asyncio.to_thread(links.write, new, old)
        try:
            await supervisor.restart(recorded(state, "due").split())
        except ActionFailed as exc:
            return await self._retreat(service, state, f"{new} does not run: {exc}")
        return Done(f"{self.thing} of {service.name}: {old} → {new}, {state['due']} restarted")

    async def _retreat(self, service: ServiceSpec, state: PreState, why: str) -> EffectOutcome:
        """The other version does not run either, so leave things as they were found."""
        try:
            await self._undo(service, state)
        except (ActionFailed, Unavailable) as exc:
            return Failed(f"{why}; the {self.thing} is {state['current']} again, but: {exc}")
        return Failed(f"{why}; the {self.thing} is {state['current']} again")

    async def _undo(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        links, supervisor = self._reach(service)
        old, new = recorded(state, "current"), recorded(state, "previous")
        await asyncio.to_thread(links.write, old, new)
        await supervisor.restart(recorded(state, "due").split())
        return Done(f"{self.thing} of {service.name}: {old} again, {state['due']} restarted")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        links, supervisor = self._reach(service)
        old, new = recorded(state, "current"), recorded(state, "previous")
        now = await asyncio.to_thread(links.current)
        if now == old:
            return Failed(f"the {self.thing} is still {old}")
        members = {m.name: m for m in await supervisor.members()}
        at, names = int(recorded(state, "at")), recorded(state, "due").split()
        if now == new and all(n in members and renewed(members[n], state[f"member.{n}"], at) for n in names):
            return Done(f"the {self.thing} is {new} and {', '.join(names)} started since")
        return Unknown(f"the {self.thing} is {now}, but not all of {', '.join(names)} were started since")

    def _reach(self, service: ServiceSpec) -> tuple[Links, Supervisor]:
        folder = bound(service, self.binding, "directory", "path")["path"]
        return Links(Path(folder)), Supervisor.of(service, self._patience)
