"""Give the work of consumers that are gone to those that are there."""

from collections.abc import Mapping, Sequence

from akeso.domain.estate.service import Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.binding import seconds
from akeso.targets.outcome import looking, recorded, seen, told
from akeso.targets.stream import EXAMPLE, Consumer, Stream, open_stream

PreState = Mapping[str, str]


class RedriveQueue:
    """Append again what consumers hold that have not asked for work for a while, and settle the old entries.

    Parameter `idle_s`: such a consumer counts as gone (default `idle_s` of the constructor). Nothing to redrive is
    success: then nothing is stuck. Delivery is at least once, as it is in a stream anyway.
    """

    name = "redrive_queue"
    reversible = False
    risk = Risk.LOW
    binding = Bound.QUEUE.value
    example_binding = EXAMPLE

    def __init__(self, call_s: float = 5.0, idle_s: float = 5.0) -> None:
        self._call_s, self._idle_s = call_s, idle_s

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """How many entries are stuck, and with whom."""
        gone = await self._look(step, service)
        return {"stuck": str(sum(c.pending for c in gone)), "consumers": " ".join(c.name for c in gone)}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Counts the entries and names their consumers."""
        gone = await self._look(step, service)
        if not gone:
            return f"Nothing is stuck in the queue of {service.name}; nothing would be redriven."
        held = ", ".join(f"{c.pending} held by {c.name} (silent for {c.idle_s:.0f} s)" for c in gone)
        return f"Redrive entries of the queue of {service.name}: {held}."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done with the number of entries that were redriven."""
        del key, pre_state
        return await told(self._apply(step, service))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Redriven work cannot be called back."""
        del step, service, key, pre_state
        return Failed("redriven entries cannot be called back")

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done when nothing is stuck any more, Failed when as much is stuck as before."""
        del key
        return await seen(self._check(step, service, pre_state))

    async def _apply(self, step: Step, service: ServiceSpec) -> EffectOutcome:
        idle_s = seconds(step.parameters, "idle_s", self._idle_s)
        async with open_stream(service, self._call_s) as stream:
            moved = sum([await stream.rescue(c.name, idle_s) for c in await _gone(stream, idle_s)])
            await stream.dismiss_rescuer()
        return Done(f"redrove {moved} entries", {"redriven": moved})

    async def _check(self, step: Step, service: ServiceSpec, state: PreState) -> EffectOutcome:
        stuck, before = sum(c.pending for c in await self._look(step, service)), int(recorded(state, "stuck"))
        if not stuck:
            return Done("nothing is stuck")
        said = f"{stuck} entries are stuck, {before} were"
        return Failed(said) if stuck >= before else Unknown(said)

    async def _look(self, step: Step, service: ServiceSpec) -> Sequence[Consumer]:
        idle_s = seconds(step.parameters, "idle_s", self._idle_s)
        with looking():
            async with open_stream(service, self._call_s) as stream:
                return await _gone(stream, idle_s)


async def _gone(stream: Stream, idle_s: float) -> Sequence[Consumer]:
    return [c for c in await stream.consumers() if c.pending and c.idle_s >= idle_s]
