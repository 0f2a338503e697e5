"""Train Akeso's detection model anew and let the new version decide."""

from collections.abc import Mapping

from akeso.domain.detection.detection_model import ModelVersion
from akeso.domain.errors import ActionFailed, Conflict, NotFound
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.ports.pipeline import Actor
from akeso.targets.outcome import recorded, seen, told
from akeso.targets.pipeline import OwnPipeline

PreState = Mapping[str, str]
ALL, RECENT = "all", "recent"


class RetrainModel(OwnPipeline):
    """Trains on the features of the hot window and on people's labels. Parameter `history`: all (default), or recent:
    no more of it than drift is measured over."""

    name = "retrain_model"
    reversible = True
    risk = Risk.LOW
    binding = ""

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """The version that decides. Raises ActionFailed while there is none to come back to."""
        del service
        _history(step)
        if not self._connected().model:
            raise ActionFailed("no version of the model is registered yet")
        return {"model": self._connected().model}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says what would be trained on."""
        state = await self.capture(step, service)
        span = "recent features" if _history(step) == RECENT else "all features of the hot window"
        return f"Train on {span} and on labels, and let the new version decide instead of {state['model']}."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once the new version decides."""
        del service, pre_state
        return await told(self._retrain(step, key))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """The version before decides again; the new one stays registered."""
        del step, service
        return await told(self._back(pre_state, f"{key}:undo"))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether another version decides."""
        del step, service, key
        return await seen(self._check(pre_state))

    async def _check(self, pre_state: PreState) -> EffectOutcome:
        before, now = recorded(pre_state, "model"), self._connected().model
        return Done(f"version {now} decides") if now != before else Failed(f"version {now} decides as before")

    async def _retrain(self, step: Step, key: str) -> EffectOutcome:
        pipeline, by = self._connected(), Actor(self.name, key)
        window = pipeline.recent if _history(step) == RECENT else None
        try:
            made = await pipeline.retrain(by, window)
            await pipeline.promote(made.version, by)
        except (Conflict, NotFound) as impossible:
            raise ActionFailed(str(impossible)) from impossible
        return Done(_said(made))

    async def _back(self, pre_state: PreState, key: str) -> EffectOutcome:
        try:
            made = await self._connected().promote(recorded(pre_state, "model"), Actor(self.name, key))
        except NotFound as gone:
            raise ActionFailed(str(gone)) from gone
        return Done(f"model version {made.version} decides again")


def _history(step: Step) -> str:
    history = step.parameters.get("history", ALL)
    if history not in {ALL, RECENT}:
        raise ActionFailed(f"parameters.history: all or recent is wanted, not {history!r}")
    return history


def _said(made: ModelVersion) -> str:
    m = made.metrics
    text = f"model version {made.version} decides: trained on {m['slots']:.0f} slots of {m['series']:.0f} series"
    text += f" and {m['labels']:.0f} labels"
    return text + (f", of which it meets {m['accuracy']:.0%}" if "accuracy" in m else "")
