"""The changes that effects of Akeso itself are."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from akeso.domain.incident.plan import Step
from akeso.domain.telemetry.batches import Change

BY = "akeso"


# Action → the kind of change that applying it is, and that undoing it is.
KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "rollback_release": ("rollback", "deploy"),
        "revert_configuration": ("revert", "config"),
        "scale_out": ("scale", "scale"),
        "scale_in": ("scale", "scale"),
        "restart": ("restart", "restart"),
        "switch_fallback": ("fallback", "fallback"),
    }
)


def change_of(step: Step, at: datetime, *, undone: bool) -> Change | None:
    """The change that an effect was; None for effects that change no service."""
    kinds = KINDS.get(step.action)
    if kinds is None:
        return None
    return Change(step.target, kinds[undone], "", at, BY, labels=(("step", step.id),))
