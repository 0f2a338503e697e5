"""An effect that needs the service and the captured pre-state only, and can be undone and looked at."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import EffectOutcome
from akeso.domain.incident.plan import Step
from akeso.targets.outcome import seen, told

PreState = Mapping[str, str]


class Effect(ABC):
    """The last three steps of an action: a refusal is Failed, and a lost answer Unknown. Actions derive from it and say
    what is done; what they raise is ActionFailed when nothing was changed and Unavailable when nobody can tell."""

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once it took place."""
        del step, key
        return await told(self._apply(service, pre_state))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once all is as it was captured."""
        del step, key
        return await told(self._undo(service, pre_state))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done when it took place, Failed when it did not."""
        del step, key
        return await seen(self._check(service, pre_state))

    @abstractmethod
    async def _apply(self, service: ServiceSpec, state: PreState) -> EffectOutcome: ...

    @abstractmethod
    async def _undo(self, service: ServiceSpec, state: PreState) -> EffectOutcome: ...

    @abstractmethod
    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome: ...
