"""Who would be told of an incident, and when: the answer to a question, by the rules that act."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from akeso.domain.estate.service import Services
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice
from akeso.stages.notification.escalation import wait_of
from akeso.stages.notification.routing import channels_of, quiet_now, routes_of, told
from akeso.stages.notification.rules import Route, Rules

_STEP, _MOST = timedelta(minutes=15), timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Prospect:
    """At `at` these channels are told. because: the route or the step of a chain; held: because of quiet hours."""

    at: datetime
    channels: tuple[str, ...]
    because: str
    held: str = ""


def prospects(rules: Rules, services: Services, incident: Incident, entry: Entry) -> tuple[Prospect, ...]:
    """All that would come of an entry if nobody answered, in the order of time (quarters of an hour at the end of
    quiet hours)."""
    found = [*_at_once(rules, services, incident, entry), *_calls(rules, services, incident, entry.at)]
    return tuple(sorted(found, key=lambda each: each.at))


def _at_once(rules: Rules, services: Services, incident: Incident, entry: Entry) -> Iterator[Prospect]:
    by_route: dict[tuple[str, str], list[str]] = {}
    for each in told(rules, services, incident, entry, entry.at):
        by_route.setdefault((each.route, each.quiet), []).append(each.channel)
    for (route, quiet), channels in by_route.items():
        at = _end_of_quiet(rules, quiet, incident, entry.at)
        yield Prospect(at, tuple(channels), route, quiet if at > entry.at else "")


def _calls(rules: Rules, services: Services, incident: Incident, at: datetime) -> Iterator[Prospect]:
    for route in routes_of(rules, services, incident, Notice.OPENED):
        if route.chain:
            yield from _steps(rules, route, incident, at)


def _steps(rules: Rules, route: Route, incident: Incident, at: datetime) -> Iterator[Prospect]:
    chain, when = rules.chains[route.chain], at
    for step in range(len(chain.steps) * chain.rounds):
        asked, when = when, _end_of_quiet(rules, route.quiet, incident, when)
        channels = channels_of(rules, chain.steps[step % len(chain.steps)], when)
        held = route.quiet if when > asked else ""
        yield Prospect(when, channels, f"{chain.name}, step {step + 1}, unless somebody acknowledged it", held)
        when += wait_of(chain, incident.severity)


def _end_of_quiet(rules: Rules, quiet: str, incident: Incident, at: datetime) -> datetime:
    end = at
    while quiet_now(rules, quiet, incident.severity, end) and end - at < _MOST:
        end = end.replace(minute=end.minute // 15 * 15, second=0, microsecond=0) + _STEP
    return end
