"""Who is near whom: incidents that something may join, or be the echo of."""

import re
from collections.abc import Iterable, Mapping, Set
from datetime import datetime

from akeso.domain.detection.anomaly import Alert
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.silence import Silence
from akeso.stages.correlation.belonging import News, explained_by, hops_between
from akeso.stages.correlation.scene import CorrelateOptions, Scene

# What people and programs write of a callee that does not answer; the name of the callee follows or precedes.
_NAME = r"[`'\"“]?(?P<peer>[A-Za-z][\w.-]*[A-Za-z0-9])"
_KIND = "(?: (?:the|server|host|database|upstream))*"
_UNREACHED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bconnect(?:ing|ions?)? (?:to|with){_KIND} {_NAME}",
        rf"\b(?:reach|resolve|call|calling|talk to){_KIND} {_NAME}",
        rf"\b(?:dial tcp|lookup|upstream|timeout from|no answer from) {_NAME}",
        rf"{_NAME} (?:is )?(?:unreachable|refused|does not answer|not reachable|timed out)",
    )
)
_COMPLAINS = re.compile(
    r"cannot|can't|could ?n[o']t|unable|fail|refus|time[ds]? ?out|unreach|no answer|not answer|reset|dial|lookup",
    re.IGNORECASE,
)
_NO_NAMES = frozenset(
    [
        "the",
        "a",
        "an",
        "its",
        "their",
        "server",
        "host",
        "database",
        "db",
        "upstream",
        "service",
        "tcp",
        "it",
        "localhost",
    ]
)


def named_peers(alert: Alert) -> frozenset[str]:
    """Whom the alert's words say it cannot reach. Nobody, where they do not complain."""
    texts = (alert.title, *(text for _, text in alert.annotations))
    found = (m["peer"] for text in texts if _COMPLAINS.search(text) for p in _UNREACHED for m in p.finditer(text))
    peers = (name.lower().partition(":")[0] for name in found)
    return frozenset(p for p in peers if p not in _NO_NAMES and p != alert.service)


def spoken_of(incident: Incident) -> frozenset[str]:
    """The services of an incident, and those that its alerts cannot reach."""
    return incident.services.union(*(named_peers(a) for a in incident.alerts[:_READ]))


_READ = 50


def silenced(service: str, labels: Mapping[str, str], scene: Scene) -> Silence | None:
    """The silence that what is about `service` and carries `labels` falls under."""
    found = [s for s in scene.silences if s.until(scene.now) is not None and s.covers(service, labels)]
    return max(found, key=lambda s: s.until(scene.now) or s.end, default=None)


def joins(news: News, scene: Scene, options: CorrelateOptions) -> Incident | None:
    """The nearest incident that Akeso works on and whose cause may explain the news."""
    near = [
        (away, -incident.updated_at.timestamp(), incident.id, incident)
        for incident in scene.open
        if scene.now - incident.updated_at <= options.joins_for
        and _explains(incident, news, scene, options)
        and (away := hops_between(news.touched, spoken_of(incident), scene.topology, options.reach)) is not None
    ]
    return min(near)[-1] if near else None


def _explains(incident: Incident, news: News, scene: Scene, options: CorrelateOptions) -> bool:
    # Whom its alerts cannot reach is as good as one of its own.
    named = not news.touched.isdisjoint(spoken_of(incident))
    return named or explained_by(news, incident, incident.onset + options.together, scene.topology)


def echo_of(
    touched: Set[str], onset: datetime, ended: Iterable[Incident], scene: Scene, options: CorrelateOptions
) -> Incident | None:
    """The one of `ended` before whose settling this began, beside it."""
    for incident in ended:
        if onset <= ended_of(incident) + options.settles_for and beside(touched, incident, scene):
            return incident
    return None


def ended_of(incident: Incident) -> datetime:
    """When it ended, or people were called."""
    return incident.ended_at or incident.handed_over_at or incident.updated_at


def beside(touched: Set[str], incident: Incident, scene: Scene) -> bool:
    """At most one call away."""
    return hops_between(touched, spoken_of(incident), scene.topology, 1) is not None
