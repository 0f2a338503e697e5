"""What the guards know of past effects and of people's rejections, from the journal."""

from datetime import datetime

from akeso.engine.incident_store import IncidentStore
from akeso.stages.healing.guards import EffectHistory, GuardOptions, effects_of
from akeso.stages.healing.rejections import rejections_of


async def effect_history(
    incident_store: IncidentStore, now: datetime, *, suspended: bool, options: GuardOptions | None = None
) -> EffectHistory:
    """Effects and rejections of all incidents, as far back as the options look; rejections whatever changed since."""
    options = options or GuardOptions()
    found = await incident_store.journal.acted_upon(now - options.longest, now - options.rejections.longest)
    incidents = [await incident_store.get(each) for each in found]
    effects = tuple(e for i in incidents for e in effects_of(i) if now - e.at <= options.longest or e.running)
    return EffectHistory(effects, suspended, tuple(r for i in incidents for r in rejections_of(i)))
