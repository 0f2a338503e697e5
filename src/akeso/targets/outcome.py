"""From what a target answered to how an effect ended.

Clients raise ActionFailed when nothing was changed and Unavailable when nobody can tell.
"""

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager

from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.incident.outcome import EffectOutcome, Failed, Unknown


@contextmanager
def looking() -> Iterator[None]:
    """Around reads, when nothing was changed yet: a target that does not answer is then a plain failure."""
    try:
        yield
    except Unavailable as exc:
        raise ActionFailed(str(exc)) from exc


async def told(effect: Awaitable[EffectOutcome]) -> EffectOutcome:
    """How an effect ended, with refusals as Failed and lost answers as Unknown."""
    try:
        return await effect
    except ActionFailed as exc:
        return Failed(str(exc))
    except Unavailable as exc:
        return Unknown(str(exc))


async def seen(look: Awaitable[EffectOutcome]) -> EffectOutcome:
    """What a check saw; a target that cannot be looked at leaves the question open."""
    try:
        return await look
    except (ActionFailed, Unavailable) as exc:
        return Unknown(str(exc))


def recorded(pre_state: Mapping[str, str], name: str) -> str:
    """One entry of a captured pre-state. Raises ActionFailed when it was not captured."""
    if name not in pre_state:
        raise ActionFailed(f"pre_state.{name}: was not captured")
    return pre_state[name]
