"""Actions: the only things that change the world."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import EffectOutcome
from akeso.domain.incident.plan import Risk, Step

PreState = Mapping[str, str]
# The kind of change to a service that applying an action is, and the kind that undoing it is.
ChangeKind = tuple[str, str]


@runtime_checkable
class Action(Protocol):
    """One kind of effect. Only `akeso.engine.effects` calls `apply` and `undo`.

    binding: the key in ServiceSpec.bindings through which it reaches the target ("" if it needs none). What its class
    may say besides is read by the functions below. A dead target, a time-out or a refusal is an outcome (Failed,
    Unknown), not an exception; an exception is a defect.
    """

    name: str
    reversible: bool
    risk: Risk
    binding: str

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """What is needed to undo and to check. Raises ActionFailed when the target cannot be looked at."""
        ...

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """One sentence on what `apply` would do now. Changes nothing. Raises ActionFailed when it could not be done."""
        ...

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Do it. `key` is the idempotency key: passed on to targets that understand one."""
        ...

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Put the captured pre-state back. Only called when `reversible`."""
        ...

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether `apply` with this key took place: Done, Failed (it did not) or Unknown. Changes nothing."""
        ...


def example_binding(action: object) -> Mapping[str, str]:
    """The class attribute `example_binding`: `kind` and each field without which the action refuses, as they would
    stand in services.yaml. Addresses are 127.0.0.1:PORT, paths do not exist. Empty for an action without a binding."""
    example: Mapping[str, str] = getattr(action, "example_binding", {})
    return example


def change_kind(action: object) -> ChangeKind | None:
    """The class attribute `change_kind`; None for an action that changes no service, or does not say so."""
    kind: ChangeKind | None = getattr(action, "change_kind", None)
    return kind


def on_akeso(action: object) -> bool:
    """The class attribute `on_akeso`: whether it acts on Akeso's own pipeline and on nobody's service."""
    return bool(getattr(action, "on_akeso", False))
