"""Throw away what waits in a queue."""

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.effect import Effect, PreState
from akeso.targets.outcome import looking, recorded
from akeso.targets.stream import EXAMPLE, open_stream


class PurgeQueue(Effect):
    """Remove every entry that was in the stream when the pre-state was captured; later ones stay."""

    name = "purge_queue"
    reversible = False
    risk = Risk.HIGH
    binding = Bound.QUEUE.value
    example_binding = EXAMPLE

    def __init__(self, call_s: float = 5.0) -> None:
        self._call_s = call_s

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Length, first and last id. Raises ActionFailed when the stream is empty."""
        del step
        with looking():
            async with open_stream(service, self._call_s) as stream:
                extent = await stream.extent()
        if not extent.length:
            raise ActionFailed(f"the queue of {service.name} is empty, there is nothing to purge")
        return {"length": str(extent.length), "first": extent.first, "last": extent.last}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Counts the entries."""
        state = await self.capture(step, service)
        return f"Delete {state['length']} entries of the queue of {service.name} for good (up to {state['last']})."

    async def _apply(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        async with open_stream(service, self._call_s) as stream:
            removed = await stream.purge(recorded(state, "last"))
        return Done(f"deleted {removed} entries", {"deleted": removed})

    async def _undo(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        del service, state
        return Failed("deleted entries cannot be brought back")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        async with open_stream(service, self._call_s) as stream:
            extent = await stream.extent()
        if not extent.length or _order(extent.first) > _order(recorded(state, "last")):
            return Done("nothing of what was there is left")
        if extent.first == recorded(state, "first"):
            return Failed(f"{extent.length} entries are there, from the captured first one on")
        return Unknown("the first entries are gone, later ones are there; consumers may have taken them")


def _order(entry: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry.partition("-")
    return int(milliseconds), int(sequence or 0)
