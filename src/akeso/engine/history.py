"""What the guards know of past effects, from the journal."""

from datetime import datetime, timedelta

from akeso.engine.incident_store import IncidentStore
from akeso.stages.healing.guards import EffectHistory, effects_of

_MOST = 500


async def effect_history(
    incident_store: IncidentStore, now: datetime, *, suspended: bool, window: timedelta = timedelta(hours=2)
) -> EffectHistory:
    """The effects of all incidents detected within `window`, and of those that are still open."""
    recent = await incident_store.recent(now - window, _MOST)
    known = {i.id for i in recent}
    older = [i for i in await incident_store.open_incidents() if i.id not in known]
    return EffectHistory(tuple(e for i in (*recent, *older) for e in effects_of(i)), suspended)
