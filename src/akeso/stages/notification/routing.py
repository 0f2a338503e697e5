"""Who is told of a notice, and whether now: routes, quiet hours, snoozes and silences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice, notice_of
from akeso.domain.incident.person_events import PeopleCalled
from akeso.domain.incident.silence import Silence
from akeso.stages.notification.rotation import is_quiet, on_call
from akeso.stages.notification.rules import Match, Route, Rules


@dataclass(frozen=True, slots=True)
class Told:
    """A channel and the route because of which it is told."""

    channel: str
    route: str
    quiet: str = ""


def routes_of(rules: Rules, services: Services, incident: Incident, notice: Notice) -> tuple[Route, ...]:
    """The routes that are for this notice: those that match, up to the first that does not go on."""
    found: list[Route] = []
    for route in rules.routes:
        if matches(route.match, services, incident, notice):
            found.append(route)
            if not route.goes_on:
                break
    return tuple(found) or (Route("otherwise", tell=rules.otherwise),)


def matches(match: Match, services: Services, incident: Incident, notice: Notice) -> bool:
    """Whether a route with this `match` is for the notice."""
    if incident.severity < match.severity or (match.notices and notice not in match.notices):
        return False
    owner = services[incident.service].owner
    named = ((match.services, incident.service), (match.owners, owner), (match.tenants, incident.tenant))
    if not all(_fits(patterns, value) for patterns, value in named):
        return False
    return not match.labels or any(set(match.labels) <= set(alert.labels) for alert in incident.alerts)


def channels_of(rules: Rules, targets: Iterable[str], at: datetime) -> tuple[str, ...]:
    """The channels of these targets at an instant, each once, in their order."""
    found: dict[str, None] = {}
    for target in targets:
        person = on_call(rules.rotations[target], at) if target in rules.rotations else target
        found |= dict.fromkeys(rules.people.get(person, (person,)))
    return tuple(found)


def told(rules: Rules, services: Services, incident: Incident, entry: Entry, at: datetime) -> tuple[Told, ...]:
    """The channels that are told of an entry, each once; none where the entry is none that people are told of.

    An end is told to everybody who was told of the beginning, whoever's turn it has become since.
    """
    notice = notice_of(entry.event)
    if notice is None:
        return ()
    if isinstance(entry.event, PeopleCalled):
        return tuple(Told(channel, entry.event.chain) for channel in entry.event.channels)
    found: dict[str, Told] = {}
    routes = routes_of(rules, services, incident, notice)
    for route in routes:
        times = (incident.taken_up_at, at) if notice.ends else (at,)
        for channel in (c for time in times for c in channels_of(rules, route.tell, time)):
            found.setdefault(channel, Told(channel, route.name, route.quiet))
    # Those who were called by then: a line that is told again later is none for people who were called since.
    called = (c for c in incident.attention.called if c.at < entry.at or (notice.ends and c.at == entry.at))
    for channel in (channel for calling in called for channel in calling.channels):
        found.setdefault(channel, Told(channel, "called before", routes[0].quiet))
    return tuple(found.values())


def must_wait(rules: Rules, told: Told, incident: Incident, silences: Sequence[Silence], at: datetime) -> str:
    """Why this channel is not told yet; "" when it may be."""
    if reason := stilled(incident, silences, at):
        return reason
    return f"quiet hours {told.quiet}" if quiet_now(rules, told.quiet, incident.severity, at) else ""


def quiet_now(rules: Rules, name: str, severity: Severity, at: datetime) -> bool:
    """Whether these quiet hours ("" for none) hold now for what is so severe."""
    hours = rules.quiet.get(name)
    return hours is not None and is_quiet(hours, severity, at)


def stilled(incident: Incident, silences: Sequence[Silence], at: datetime) -> str:
    """Because of which word of a person nobody is called; "" without one."""
    until = incident.attention.snoozed_until
    if until is not None and at < until and not incident.status.over:
        return f"snoozed until {until.isoformat()}"
    holding = [s for s in silences if s.tenant == incident.tenant and s.until(at) is not None]
    sights = list(_sights(incident))
    found = [next((s for s in holding if s.covers(*sight)), None) for sight in sights]
    first = found[0]
    return first.said if first is not None and all(found) else ""


def _sights(incident: Incident) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What the incident rests on; all of it has to be silenced for the incident to be."""
    if not incident.anomalies and not incident.alerts:
        yield incident.service, {}
    yield from ((anomaly.service, {}) for anomaly in incident.anomalies)
    yield from ((alert.service, dict(alert.labels)) for alert in incident.alerts)


def _fits(patterns: Sequence[str], value: str) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)
