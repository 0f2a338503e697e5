"""End the database session that everybody else waits for."""

import asyncio
from datetime import datetime
from typing import ClassVar

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import Binding, Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.binding import seconds
from akeso.targets.effect import Effect, PreState
from akeso.targets.outcome import looking, recorded
from akeso.targets.sessions import Session, open_sessions

_POLL_S = 0.2


class EndDatabaseSession(Effect):
    """Find the root of the longest queue of waiting sessions and terminate exactly that backend.

    Parameter `open_for_s`: a transaction younger than this is left alone, because short waits are normal (default
    `open_for_s` of the constructor). `look_s`: how long it looks for one. PostgreSQL rolls the ended session's
    transaction back.
    """

    name = "end_database_session"
    reversible = False
    risk = Risk.MEDIUM
    binding = Bound.DATABASE.value
    example_binding: ClassVar[Binding] = {"kind": "postgresql", "dsn": "postgresql://akeso:secret@127.0.0.1:5432/shop"}

    def __init__(self, call_s: float = 5.0, open_for_s: float = 1.0, look_s: float = 3.0) -> None:
        self._call_s, self._open_for_s, self._look_s = call_s, open_for_s, look_s

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """The session that would end. Raises ActionFailed when none blocks others."""
        session = await self._blocker(step, service)
        return {
            "pid": str(session.pid),
            "backend_start": session.backend_start.isoformat(),
            "application_name": session.application,
            "user": session.user,
            "state": session.state,
            "query_start": session.query_start.isoformat() if session.query_start else "",
            "query": session.query,
            "waiting": str(session.waiting),
        }

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names the session and how many wait for it."""
        s = await self._blocker(step, service)
        return (
            f"End session {s.pid} of {s.application or 'an unnamed application'} (user {s.user}, {s.state}, "
            f"in its transaction for {s.open_s:.0f} s) in the database of {service.name}; {s.waiting} wait for it."
        )

    async def _apply(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        pid, start = _identity(state)
        async with open_sessions(service, self._call_s) as sessions:
            with looking():
                if not await sessions.there(pid, start):
                    return Failed(f"session {pid} of {start:%H:%M:%S} has ended by itself")
            if await sessions.end(pid, start, self._call_s):
                return Done(f"ended session {pid} of {state['application_name']}", {"waited": int(state["waiting"])})
        return Unknown(f"session {pid} was told to end and is still there after {self._call_s:g} s")

    async def _undo(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        del service, state
        return Failed("an ended session cannot be brought back")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        pid, start = _identity(state)
        async with open_sessions(service, self._call_s) as sessions:
            there = await sessions.there(pid, start)
        return Failed(f"session {pid} is still there") if there else Done(f"session {pid} is gone")

    async def _blocker(self, step: Step, service: ServiceSpec) -> Session:
        least = seconds(step.parameters, "open_for_s", self._open_for_s)
        deadline = asyncio.get_running_loop().time() + self._look_s
        with looking():
            async with open_sessions(service, self._call_s) as sessions:
                # Those who wait may all have given up a moment ago; the next ones come soon.
                while True:
                    for session in await sessions.roots():
                        if session.open_s >= least:
                            return session
                    if asyncio.get_running_loop().time() >= deadline:
                        break
                    await asyncio.sleep(_POLL_S)
        raise ActionFailed(f"no session of the database of {service.name} holds up others for {least:g} s or more")


def _identity(state: PreState) -> tuple[int, datetime]:
    return int(recorded(state, "pid")), datetime.fromisoformat(recorded(state, "backend_start"))
