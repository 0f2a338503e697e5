"""Set a queue's backlog aside, so that new work flows at once."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.outcome import looking, recorded, seen, told
from akeso.targets.stream import EXAMPLE, Stream, open_stream

PreState = Mapping[str, str]


class DrainQueue:
    """Move what no consumer was given yet to the stream `<stream>:parked:<key>`; undo appends it again."""

    name = "drain_queue"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.QUEUE.value
    example_binding = EXAMPLE

    def __init__(self, call_s: float = 5.0) -> None:
        self._call_s = call_s

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """How much waits, up to which id. Raises ActionFailed when nothing does."""
        del step
        with looking():
            async with open_stream(service, self._call_s) as stream:
                last = (await stream.extent()).last
                waiting = await stream.undelivered(last) if last else 0
        if not waiting:
            raise ActionFailed(f"nothing waits in the queue of {service.name}")
        return {"waiting": str(waiting), "last": last}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Counts the entries."""
        state = await self.capture(step, service)
        return f"Set {state['waiting']} waiting entries of the queue of {service.name} aside (up to {state['last']})."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done with the number of entries that were set aside."""
        del step
        return await told(self._apply(service, key, pre_state))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Append them again."""
        del step, pre_state
        return await told(self._undo(service, key))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done when the captured entries are aside, Failed when none is."""
        del step
        return await seen(self._check(service, key, pre_state))

    async def _apply(self, service: ServiceSpec, key: str, state: PreState) -> EffectOutcome:
        async with open_stream(service, self._call_s) as stream:
            aside = _aside(stream, key)
            moved = await stream.park(aside, recorded(state, "last"))
        return Done(f"set {moved} entries aside in {aside}", {"parked": moved})

    async def _undo(self, service: ServiceSpec, key: str) -> EffectOutcome:
        async with open_stream(service, self._call_s) as stream:
            moved = await stream.unpark(_aside(stream, key))
        return Done(f"appended {moved} entries again", {"unparked": moved})

    async def _check(self, service: ServiceSpec, key: str, state: PreState) -> EffectOutcome:
        async with open_stream(service, self._call_s) as stream:
            left = await stream.undelivered(recorded(state, "last"))
            aside = await stream.exists(_aside(stream, key))
        if not aside:
            return Failed("nothing was set aside")
        return Unknown(f"{left} entries still wait") if left else Done("what waited is aside")


def _aside(stream: Stream, key: str) -> str:
    return f"{stream.name}:parked:{key}"
