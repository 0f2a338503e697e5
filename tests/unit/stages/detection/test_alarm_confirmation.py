from datetime import UTC, datetime, timedelta

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident import events as e
from akeso.stages.detection.alarm_confirmation import Confirmed, Healings

AT = datetime(2030, 1, 1, tzinfo=UTC)
DETECTED = e.IncidentDetected("t", "api", "api: slow", Severity.ERROR, AT)


def follow(*events: e.Event) -> list[Confirmed]:
    healings = Healings()
    return [
        confirmed
        for n, event in enumerate(events)
        for confirmed in healings.take(e.Entry(n, "i1", AT + timedelta(seconds=n), "healer", event))
    ]


def test_an_incident_that_an_effect_healed_was_real() -> None:
    (confirmed,) = follow(DETECTED, e.ActionApplied("s", "k"), e.IncidentResolved("gone"))
    start = round(AT.timestamp() * 1e9)
    assert confirmed == Confirmed(("t", "api"), start, start + 2_000_000_000)


def test_what_went_away_by_itself_shows_nothing() -> None:
    assert follow(DETECTED, e.IncidentResolved("gone")) == []


def test_what_was_given_up_shows_nothing() -> None:
    assert follow(DETECTED, e.ActionApplied("s", "k"), e.IncidentEscalated("no"), e.IncidentResolved("gone")) == []


def test_a_person_who_found_the_diagnosis_helpful_says_that_it_was_real() -> None:
    assert len(follow(DETECTED, e.FeedbackGiven("ann", helpful=True))) == 1
    assert follow(DETECTED, e.FeedbackGiven("ann", helpful=False)) == []
