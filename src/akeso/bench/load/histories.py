"""Incidents of a large installation: as many as are wanted, the same for the same seed."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from akeso.adapters.journals.bulk import History
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.incident import events as e
from akeso.domain.incident import person_events as p
from akeso.domain.incident.diagnosis import Diagnosis, Evidence, Hypothesis

BEGINS = datetime(2024, 1, 1, tzinfo=UTC)
_APART = timedelta(minutes=5)
_SERVICES, _TEAMS, _REGIONS, _PEOPLE = 200, 12, 5, 40
_FAULTS = (
    "crash", "slow_dependency", "pool_exhausted", "disk_full", "memory_leak", "bad_release", "bad_configuration",
    "lock_contention", "queue_backlog", "certificate_expired", "network_loss", "unknown",
)  # fmt: skip
_RARE = 1000  # one incident of so many is still open


def histories(count: int, seed: int = 1) -> Iterator[History]:
    """`count` incidents, five minutes apart, nearly all of them over and learned from."""
    random = Random(seed)
    for number in range(count):
        yield _history(number, random)


def word(number: int) -> str:
    """What stands in one incident's title only."""
    return f"ticket{number:06d}"


def fingerprint(number: int) -> str:
    """Of an incident's first alert."""
    return hashlib.sha256(f"alert {number}".encode()).hexdigest()[:16]


def _history(number: int, random: Random) -> History:
    at = BEGINS + number * _APART
    name = f"inc-{at:%Y%m%d-%H%M%S}-{number:06x}"
    service, fault = f"service-{random.randrange(_SERVICES):03d}", random.choice(_FAULTS)
    severity = random.choice(list(Severity))
    alerts = tuple(_alert(number, n, service, severity, at, random) for n in range(random.choice((1, 1, 1, 2, 4))))
    title = f"{service}: p99 latency is 8.{random.randrange(10)} times what is normal ({word(number)})"
    begun = e.IncidentDetected("default", service, title, severity, at - timedelta(seconds=20), alerts=alerts)
    evidence = tuple(
        Evidence("deviation", service, f"{service} departs from its normal in {n} series", 1.0) for n in range(4)
    )
    best = Hypothesis(service, fault, random.uniform(0.3, 0.99), evidence)
    events: list[tuple[e.Event, str, datetime]] = [
        (begun, "healing", at),
        (e.AnalysisStarted(), "healing", at),
        (e.DiagnosisMade(Diagnosis((best,), known=fault != "unknown")), "healing", at + timedelta(seconds=2)),
        (e.IncidentEscalated("no way of healing is left"), "healing", at + timedelta(seconds=9)),
    ]
    if number % _RARE:
        events += _ended(name, f"person-{random.randrange(_PEOPLE)}", at + timedelta(minutes=random.randrange(2, 90)))
    return History(name, events)


def _ended(name: str, person: str, at: datetime) -> Iterator[tuple[e.Event, str, datetime]]:
    yield p.IncidentAcknowledged(person, "looking at it"), person, at - timedelta(minutes=1)
    yield p.IncidentAssigned(person, person), person, at - timedelta(minutes=1)
    yield p.IncidentClosed(person, p.CloseReason.FIXED_BY_HAND, "restarted by hand"), person, at
    yield e.LessonLearned(name, 600.0), "healing", at


def _alert(number: int, nth: int, service: str, severity: Severity, at: datetime, random: Random) -> Alert:
    labels = {
        "alertname": f"Rule{random.randrange(50)}",
        "team": f"team-{random.randrange(_TEAMS)}",
        "region": f"region-{random.randrange(_REGIONS)}",
        "pod": f"{service}-{number:x}-{nth}",
    }
    mark = fingerprint(number) if nth == 0 else f"{fingerprint(number)}{nth}"
    return Alert(
        "default", mark, "alertmanager", service, f"{labels['alertname']} on {service}", severity,
        AlertStatus.RESOLVED, at, labels=tuple(sorted(labels.items())),
    )  # fmt: skip
