"""Let the version of Akeso's detection model decide that did before."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed, NotFound
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.ports.pipeline import Actor
from akeso.targets.outcome import recorded, seen, told
from akeso.targets.pipeline import OwnPipeline

PreState = Mapping[str, str]


class RollbackModel(OwnPipeline):
    """The previous version becomes champion, in the registry and in the running model agent."""

    name = "rollback_model"
    reversible = True
    risk = Risk.LOW
    binding = ""

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """The version that decides and the one before it. Raises ActionFailed when there is none before it."""
        del step, service
        pipeline = self._connected()
        previous = await pipeline.previous()
        if not previous:
            raise ActionFailed("no version of the model decided before this one")
        return {"model": pipeline.model, "previous": previous}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says which version would go and which come."""
        state = await self.capture(step, service)
        return f"Let model version {state['previous']} decide instead of {state['model']}."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once the model agent has taken the version up."""
        del step, service
        return await told(self._promote(pre_state, "previous", key))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """The version that decided before the effect decides again."""
        del step, service
        return await told(self._promote(pre_state, "model", f"{key}:undo"))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether the version that the effect was to bring decides."""
        del step, service, key
        return await seen(self._check(pre_state))

    async def _check(self, pre_state: PreState) -> EffectOutcome:
        wanted, now = recorded(pre_state, "previous"), self._connected().model
        return Done(f"version {now} decides") if now == wanted else Failed(f"version {now} decides")

    async def _promote(self, pre_state: PreState, which: str, key: str) -> EffectOutcome:
        try:
            made = await self._connected().promote(recorded(pre_state, which), Actor(self.name, key))
        except NotFound as gone:
            raise ActionFailed(str(gone)) from gone
        return Done(f"model version {made.version} decides (made {made.created_at:%Y-%m-%d %H:%M:%S} by {made.by})")
