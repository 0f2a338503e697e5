"""Who is called next when nobody acknowledged."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice
from akeso.domain.incident.person_events import PeopleCalled
from akeso.domain.incident.silence import Silence
from akeso.stages.notification.routing import channels_of, quiet_now, routes_of, stilled
from akeso.stages.notification.rules import DEFAULT_WAITS, Chain, Rules


def due_calls(
    rules: Rules, services: Services, incident: Incident, silences: Sequence[Silence], at: datetime
) -> tuple[PeopleCalled, ...]:
    """The calls that are due now: the first step of a chain at once, each further one when nobody acknowledged the one
    before it in time. Nobody is called of an incident that is over, that somebody has acknowledged, snoozed or
    silenced, or in its route's quiet hours."""
    if incident.status.over or incident.attention.acknowledged_by or stilled(incident, silences, at):
        return ()
    routes = routes_of(rules, services, incident, Notice.OPENED)
    chains = dict.fromkeys(r.chain for r in routes if r.chain and not quiet_now(rules, r.quiet, incident.severity, at))
    found = (_due(rules, rules.chains[name], incident, at) for name in chains)
    return tuple(call for call in found if call is not None)


def wait_of(chain: Chain, severity: Severity) -> timedelta:
    """How long a call of this chain may go unanswered."""
    return chain.waits.get(severity, DEFAULT_WAITS[severity])


def _due(rules: Rules, chain: Chain, incident: Incident, at: datetime) -> PeopleCalled | None:
    calls = [calling for calling in incident.attention.called if calling.chain == chain.name]
    step, wait = len(calls), wait_of(chain, incident.severity)
    if step >= len(chain.steps) * chain.rounds:
        return None
    why = ""
    if calls:
        # Somebody who began on it anew, and left it, gave whoever was called last another turn.
        last = max(calls[-1].at, incident.taken_up_at)
        if at - last < wait:
            return None
        why = f"nobody acknowledged it within {round(wait.total_seconds() / 60)} minutes"
    targets = chain.steps[step % len(chain.steps)]
    return PeopleCalled(chain.name, step, channels_of(rules, targets, at), why)
