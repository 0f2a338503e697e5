"""Whether what an incident rests on was said by those who may say it.

A step rests on its target, on the service that is blamed, and on every service of the incident and of the findings
against the blamed one. It is vouched for when nobody but senders that may speak for these services was heard of them,
and one of them spoke of the target or of the blamed service; or when two authors who have nothing in common spoke of
it. Senders without a key are nobody, and take the worth of what others said beside them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from akeso.domain.detection.anomaly import AlertStatus
from akeso.domain.estate.access import AKESO, ANONYMOUS, OWN, UNTOLD
from akeso.domain.incident.diagnosis import Hypothesis
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Step

# tenant, author, service → whether the author may speak for the service.
Authority = Callable[[str, str, str], bool]
NOBODY = frozenset({ANONYMOUS, UNTOLD})


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that somebody said. services: whom it speaks of; authors: those who may have said it."""

    services: frozenset[str]
    authors: frozenset[str]


def rests_on(incident: Incident, step: Step) -> frozenset[str]:
    """The services that a step stands on."""
    best = _best(incident)
    blamed = {best.service, *(e.service for e in best.evidence)} if best else set()
    return incident.services | blamed | {step.target}


def doubt(incident: Incident, step: Step, heard: Mapping[str, Collection[str]], may_speak: Authority) -> str:
    """Why a step may not run without a person for want of an author; "" when it is vouched for.

    heard: for every service that it rests on, who was heard of it in the telemetry.
    """
    spoken = {service: _authors_of(service, incident, heard) for service in rests_on(incident, step)}
    nameless = sorted(service for service, authors in spoken.items() if authors & NOBODY)
    if nameless:
        return f"senders without a key spoke of {_named(nameless)}"
    concerned = _concerned(incident, step)
    claims = [claim for claim in _claims(incident, spoken, heard) if claim.services & concerned]
    if any(_independent(one, other) for one, other in combinations(claims, 2)):
        return ""

    def may(author: str, service: str) -> bool:
        return author == AKESO or may_speak(incident.tenant, author, service)

    strangers = sorted({a for service, authors in spoken.items() for a in authors if not may(a, service)})
    if strangers:
        return f"{_named(strangers)} may not speak for what this rests on, and nobody independent says the same"
    if any(_backs(claim, concerned, may) for claim in claims):
        return ""
    return f"nobody who may speak for {_named(sorted(concerned))} said that anything is wrong there"


def _concerned(incident: Incident, step: Step) -> frozenset[str]:
    best = _best(incident)
    return frozenset({step.target, best.service} if best else {step.target})


def _claims(
    incident: Incident, spoken: Mapping[str, frozenset[str]], heard: Mapping[str, Collection[str]]
) -> Iterator[Claim]:
    for anomaly in incident.anomalies:
        yield Claim(anomaly.touched, frozenset(heard.get(anomaly.service, ())))
    for alert in incident.alerts:
        if alert.status is AlertStatus.FIRING:
            yield Claim(frozenset({alert.service}), frozenset({alert.author}))
    if (best := _best(incident)) is not None:
        for finding in best.evidence:
            yield Claim(frozenset({finding.service}), spoken[finding.service])


def _independent(one: Claim, other: Claim) -> bool:
    return bool(one.authors and other.authors) and not one.authors & other.authors


def _backs(claim: Claim, concerned: frozenset[str], may: Callable[[str, str], bool]) -> bool:
    own = claim.services & concerned
    return bool(claim.authors) and all(may(author, service) for author in claim.authors for service in own)


def _authors_of(service: str, incident: Incident, heard: Mapping[str, Collection[str]]) -> frozenset[str]:
    alerting = {a.author for a in incident.alerts if a.service == service and a.status is AlertStatus.FIRING}
    # What Akeso measures of its own pipeline reaches no window.
    own = {AKESO} if service.startswith(OWN) and not alerting else set()
    return frozenset({*heard.get(service, ()), *alerting, *own})


def _best(incident: Incident) -> Hypothesis | None:
    return incident.diagnosis.best if incident.diagnosis else None


def _named(names: Collection[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more
