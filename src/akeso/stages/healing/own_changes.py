"""The changes that effects of Akeso itself are."""

from collections.abc import Mapping
from datetime import datetime

from akeso.domain.incident.plan import Step
from akeso.domain.telemetry.batches import Change
from akeso.ports.action import Action, ChangeKind, change_kind

BY = "akeso"

# Action → the kind of change that applying it is, and that undoing it is; without those that change no service.
ChangeKinds = Mapping[str, ChangeKind]


def change_kinds(actions: Mapping[str, Action]) -> ChangeKinds:
    """What these actions say of themselves."""
    said = {name: change_kind(action) for name, action in actions.items()}
    return {name: kind for name, kind in said.items() if kind is not None}


def change_of(step: Step, at: datetime, kinds: ChangeKinds, *, undone: bool) -> Change | None:
    """The change that an effect was; None for effects that change no service."""
    kind = kinds.get(step.action)
    if kind is None:
        return None
    return Change(step.target, kind[undone], "", at, BY, labels=(("step", step.id),))
