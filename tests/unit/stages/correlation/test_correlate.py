"""One incident per fault."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.detection.symptoms import SYMPTOMS, opens
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.domain.telemetry.batches import Change, SeriesKey
from akeso.domain.telemetry.signal import EDGE_MEAN, Signal
from akeso.stages.correlation.correlate import (
    Attach,
    AttachAlert,
    ClearAlert,
    CorrelateOptions,
    Correlation,
    Maintenance,
    News,
    Open,
    Scene,
    Suppress,
    correlate,
)

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
# web → shop → db, and far away: batch → store
TOPOLOGY = Topology((Edge("web", "shop"), Edge("shop", "db"), Edge("batch", "store")))
OPTIONS = CorrelateOptions()


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def anomaly(
    service: str = "shop",
    signal: Signal = Signal.LATENCY,
    score: float = 5.0,
    ago: float = 3.0,
    key: SeriesKey | None = None,
) -> Anomaly:
    key = key or SeriesKey("t", service, signal.name.lower())
    return Anomaly(
        f"{key.service}-{key.metric}-{key.attributes}-{ago}",
        "t",
        key,
        signal,
        NOW - seconds(ago),
        NOW,
        score,
        300.0,
        50.0,
        5.0,
    )


def alert(service: str = "shop", fingerprint: str = "f", firing: bool = True, ago: float = 5.0) -> Alert:
    status = AlertStatus.FIRING if firing else AlertStatus.RESOLVED
    return Alert("t", fingerprint, "test", service, "Slow", Severity.ERROR, status, NOW - seconds(ago))


def incident(*anomalies: Anomaly, service: str = "shop", ended: float | None = None, age: float = 5.0) -> Incident:
    at = NOW - seconds(age)
    known = Incident("i1", "t", service, "…", Severity.ERROR, at, at, at, anomalies=anomalies)
    if ended is None:
        return known
    return replace(known, status=IncidentStatus.RESOLVED, ended_at=NOW - seconds(ended))


def scene(**changes: object) -> Scene:
    return replace(Scene(NOW, TOPOLOGY), **changes)  # type: ignore[arg-type]


def told(*anomalies: Anomaly, alerts: Sequence[Alert] = (), **changes: object) -> Correlation:
    return correlate(News(anomalies, alerts=tuple(alerts)), scene(**changes), OPTIONS)


def opened(result: Correlation) -> list[Open]:
    return [move for move in result.moves if isinstance(move, Open)]


def test_a_strong_symptom_opens_an_incident_at_once() -> None:
    (move,) = told(anomaly()).moves
    assert isinstance(move, Open)
    assert (move.detected.service, move.detected.onset) == ("shop", NOW - seconds(3))
    assert "shop" in move.detected.title


def test_symptoms_within_reach_of_each_other_open_one_incident() -> None:
    (move,) = opened(told(anomaly("web"), anomaly("db"), anomaly("shop")))
    assert {a.service for a in move.detected.anomalies} == {"web", "shop", "db"}


def test_symptoms_out_of_reach_open_two() -> None:
    assert len(opened(told(anomaly("web"), anomaly("store")))) == 2


def test_two_groups_that_a_third_anomaly_joins_are_one() -> None:
    chain = Topology((Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "e"), Edge("e", "f"), Edge("f", "g")))
    assert len(opened(told(anomaly("a"), anomaly("g"), anomaly("d"), topology=chain))) == 1


def test_a_new_anomaly_joins_the_open_incident_in_reach() -> None:
    new = anomaly("db", Signal.LOCKS)
    assert told(new, open=[incident()]).moves == (Attach("i1", (new,)),)


def test_an_incident_out_of_reach_or_long_without_news_is_not_joined() -> None:
    assert opened(told(anomaly("store"), open=[incident()]))
    assert opened(told(anomaly("db"), open=[incident(age=200.0)]))


def test_the_nearest_incident_is_joined() -> None:
    far = replace(incident(service="web"), id="far")
    near = replace(incident(service="db"), id="near")
    assert told(anomaly("db"), open=[far, near]).moves[0] == Attach("near", (anomaly("db"),))


def known(service: str, *anomalies: Anomaly, age: float = 100.0) -> Incident:
    """An incident whose cause is known, updated just now."""
    cause = Diagnosis((Hypothesis(service, "memory_leak", 0.9),), True)
    return replace(incident(*anomalies, service=service, age=age), diagnosis=cause, updated_at=NOW)


def test_beside_an_incident_whose_cause_is_known_a_later_one_below_it_is_another_incident() -> None:
    late = anomaly("db", Signal.LOCKS)
    (move,) = opened(told(late, open=[known("shop", anomaly("shop", Signal.MEMORY))]))
    assert move.detected.service == "db"


def test_what_callers_of_the_cause_show_later_still_belongs_to_it() -> None:
    late = anomaly("web", Signal.ERRORS)
    assert told(late, open=[known("shop", anomaly("shop", Signal.MEMORY))]).moves == (Attach("i1", (late,)),)


def test_what_began_together_with_it_belongs_to_it_wherever_it_is_in_reach() -> None:
    late = anomaly("db", Signal.LOCKS)
    assert told(late, open=[known("shop", anomaly("shop"), age=60.0)]).moves == (Attach("i1", (late,)),)


def test_a_symptom_that_comes_again_is_no_news_however_long_the_incident_waits() -> None:
    first = anomaly("shop", Signal.LATENCY, ago=3000)
    again = replace(first, id="later", onset=NOW - seconds(3))
    waiting = replace(incident(first, age=3000), status=IncidentStatus.PENDING_APPROVAL)
    assert told(again, open=[waiting]).moves == (Attach("i1", (again,)),)


def test_a_name_that_says_only_that_none_is_known_brings_nothing_together() -> None:
    assert len(opened(told(anomaly("unknown_service"), alerts=[alert("unknown_service")]))) == 2


def test_an_anomaly_that_an_incident_already_has_is_dropped() -> None:
    known = anomaly()
    assert told(known, open=[incident(known)]).moves == ()
    assert told(known, closed=[incident(known, ended=2.0)]).moves == ()


def test_what_only_explains_never_opens_but_comes_along() -> None:
    explains = anomaly("db", Signal.CPU, score=50.0)
    waits = told(explains)
    assert waits.moves == ()
    (move,) = opened(told(anomaly("shop"), waiting=waits.waiting))
    assert explains in move.detected.anomalies
    assert move.detected.service == "shop"


def test_what_only_explains_is_forgotten_after_a_while() -> None:
    waits = told(anomaly("db", Signal.CPU))
    assert told(now=NOW + seconds(60), waiting=waits.waiting) == Correlation((), ())


def test_a_weak_symptom_alone_waits_and_opens_when_it_lasts() -> None:
    waits = told(anomaly(score=1.2))
    assert waits.moves == ()
    assert told(now=NOW + seconds(1), waiting=waits.waiting).moves == ()
    assert len(opened(told(now=NOW + seconds(3), waiting=waits.waiting))) == 1


def test_a_weak_symptom_that_clears_meanwhile_is_forgotten() -> None:
    weak = anomaly(score=1.2)
    waits = told(weak)
    later = correlate(News(cleared=(weak.key,)), scene(waiting=waits.waiting, now=NOW + seconds(3)), OPTIONS)
    assert later == Correlation((), ())


def test_a_weak_symptom_in_company_opens_at_once() -> None:
    waits = told(anomaly("shop", score=1.2))
    (move,) = opened(told(anomaly("web", score=1.2), waiting=waits.waiting))
    assert len(move.detected.anomalies) == 2


def test_the_same_symptom_twice_is_no_company() -> None:
    twice = [anomaly(score=1.2, key=SeriesKey("t", "shop", name)) for name in ("mean", "p95")]
    assert told(*twice).moves == ()


def test_calls_to_a_peer_alone_have_to_last_longer_and_name_the_peer() -> None:
    key = SeriesKey("t", "shop", EDGE_MEAN, (("peer", "payments.example"),))
    waits = told(anomaly(signal=Signal.EDGE_LATENCY, score=9.0, key=key))
    assert told(now=NOW + seconds(3), waiting=waits.waiting).moves == ()
    (move,) = opened(told(now=NOW + seconds(6), waiting=waits.waiting))
    assert move.detected.service == "payments.example"


def test_echoes_of_an_incident_that_was_not_healed_are_suppressed_on_its_services_and_their_neighbours() -> None:
    unhealed = replace(incident(ended=8.0), status=IncidentStatus.ESCALATED)
    for service in ("shop", "db", "web"):
        (move,) = told(anomaly(service, ago=3.0), closed=[unhealed]).moves
        assert isinstance(move, Suppress)
        assert "i1" in move.why


def test_what_began_before_a_resolved_incident_ended_opens_only_if_it_outlives_the_echo() -> None:
    resolved = incident(ended=2.0)
    waits = told(anomaly(ago=3.0), closed=[resolved])
    assert waits.moves == ()
    assert told(now=NOW + seconds(7.5), waiting=waits.waiting, closed=[resolved]).moves == ()
    assert len(opened(told(now=NOW + seconds(8.5), waiting=waits.waiting, closed=[resolved]))) == 1


def test_what_began_right_after_a_resolved_incident_opens_once_it_has_lasted() -> None:
    resolved = incident(ended=4.0)
    waits = told(anomaly(ago=2.0), closed=[resolved])
    assert waits.moves == ()
    assert len(opened(told(now=NOW + seconds(1.5), waiting=waits.waiting, closed=[resolved]))) == 1


def test_an_echo_that_fades_opens_nothing() -> None:
    echo = anomaly(ago=2.0)
    waits = told(echo, closed=[incident(ended=4.0)])
    assert correlate(News(cleared=(echo.key,)), scene(waiting=waits.waiting), OPTIONS) == Correlation((), ())


def test_what_begins_after_an_ended_incident_settled_opens_a_new_one() -> None:
    assert opened(told(anomaly(ago=1.0), closed=[incident(ended=30.0)]))


def test_an_ended_incident_far_away_suppresses_nothing() -> None:
    assert opened(told(anomaly("store"), closed=[incident(ended=2.0)]))


def change(service: str = "shop", ago: float = 4.0) -> Change:
    return Change(service, "deploy", "v2", NOW - seconds(ago))


def test_a_restart_that_somebody_ordered_opens_nothing_when_it_is_over_soon() -> None:
    gone = anomaly("shop", Signal.SILENCE, ago=3.5)
    failing = anomaly("web", Signal.ERRORS, ago=3.0)
    waits = told(gone, failing, changes=[change()])
    assert waits.moves == ()
    over = News(cleared=(gone.key, failing.key))
    assert correlate(over, scene(waiting=waits.waiting, now=NOW + seconds(1.5)), OPTIONS) == Correlation((), ())


def test_a_slow_release_opens_once_the_grace_is_over() -> None:
    slow = anomaly("shop", Signal.LATENCY, ago=3.0)
    waits = told(slow, changes=[change()])
    assert waits.moves == ()
    later = told(now=NOW + seconds(2.5), waiting=waits.waiting, changes=[change(ago=4.0)])
    assert len(opened(later)) == 1


def test_a_change_excuses_neither_other_services_nor_other_times_nor_other_signals() -> None:
    assert opened(told(anomaly("store", Signal.ERRORS), changes=[change()]))
    assert opened(told(anomaly("shop", Signal.ERRORS, ago=1.0), changes=[change(ago=20.0)]))
    assert opened(told(anomaly("shop", Signal.BACKLOG), changes=[change()]))


def test_maintenance_suppresses_anomalies_and_alerts_of_its_service_only() -> None:
    window = Maintenance("shop", NOW - seconds(60), NOW + seconds(60))
    result = told(anomaly("shop"), alerts=[alert("shop")], maintenance=[window])
    assert all(isinstance(move, Suppress) for move in result.moves)
    assert len(result.moves) == 2
    assert opened(told(anomaly("db"), maintenance=[window]))
    assert opened(told(anomaly("shop"), maintenance=[replace(window, end=NOW - seconds(1))]))


def test_an_alert_opens_an_incident_and_takes_anomalies_in_reach_along() -> None:
    (move,) = told(anomaly("db", Signal.CPU), alerts=[alert()]).moves
    assert isinstance(move, Open)
    assert move.detected.alerts == (alert(),)
    assert len(move.detected.anomalies) == 1


def test_an_alert_joins_an_open_incident_once() -> None:
    new = alert("db")
    assert told(alerts=[new, new], open=[incident()]).moves == (AttachAlert("i1", new),)
    assert told(alerts=[new], open=[replace(incident(), alerts=(new,))]).moves == ()


def test_a_resolved_alert_clears_where_it_is_attached_and_is_ignored_elsewhere() -> None:
    firing, resolved = alert(), alert(firing=False)
    known = replace(incident(), alerts=(firing,))
    assert told(alerts=[resolved], open=[known]).moves == (ClearAlert("i1", "f", firing.starts_at),)
    assert told(alerts=[resolved], open=[incident()]).moves == ()


def test_an_alert_that_still_fires_is_no_news_whenever_it_is_said_to_have_begun() -> None:
    first, again = alert(ago=5), alert(ago=1)
    assert told(alerts=[again], open=[replace(incident(), alerts=(first,))]).moves == ()
    over = replace(first, status=AlertStatus.RESOLVED)
    assert told(alerts=[again], open=[replace(incident(), alerts=(over,))]).moves == (AttachAlert("i1", again),)


def test_the_end_of_an_alert_clears_what_began_before_it() -> None:
    firing, later = alert(ago=5), alert(ago=9)
    known = replace(incident(), alerts=(firing,))
    assert told(alerts=[alert(firing=False, ago=1)], open=[known]).moves == (ClearAlert("i1", "f", firing.starts_at),)
    assert told(alerts=[replace(later, status=AlertStatus.RESOLVED)], open=[known]).moves == ()


def test_an_informative_alert_opens_nothing() -> None:
    assert told(alerts=[replace(alert(), severity=Severity.INFO)]).moves == ()


def test_the_deepest_of_equal_symptoms_is_looked_at_first() -> None:
    (move,) = opened(told(anomaly("web", score=90.0), anomaly("db"), anomaly("shop")))
    assert move.detected.service == "db"


def test_a_silent_service_is_looked_at_before_slow_ones() -> None:
    (move,) = opened(told(anomaly("web"), anomaly("shop", Signal.SILENCE)))
    assert move.detected.service == "shop"


def test_a_silence_without_a_witness_opens_nothing_however_long_and_joins_nothing() -> None:
    gone = anomaly("shop", Signal.SILENCE)
    first = told(gone)
    assert first.moves == ()
    assert correlate(News(), scene(now=NOW + seconds(60), waiting=first.waiting), OPTIONS).moves == ()
    assert told(gone, open=[incident(anomaly("db", Signal.MEMORY), service="db")]).moves == ()
    assert correlate(News(), scene(now=NOW + seconds(200), waiting=first.waiting), OPTIONS) == Correlation((), ())


def test_many_that_fall_silent_together_are_no_witnesses_of_each_other() -> None:
    assert (
        told(anomaly("web", Signal.SILENCE), anomaly("shop", Signal.SILENCE), anomaly("db", Signal.SILENCE)).moves == ()
    )


def test_a_silence_opens_as_soon_as_somebody_says_that_the_service_is_down() -> None:
    gone = anomaly("shop", Signal.SILENCE)
    refused = SeriesKey("t", "web", "akeso.edge.error_ratio", (("peer", "shop"),))
    for witness in (
        told(gone, anomaly(signal=Signal.EDGE_ERRORS, key=refused)),
        told(gone, anomaly("web", Signal.ERRORS)),
        told(gone, anomaly("shop", Signal.DOWN)),
        told(gone, dying={"shop"}),
        told(gone, alerts=[alert("shop")]),
    ):
        (move,) = opened(witness)
        assert (move.detected.service, gone in move.detected.anomalies) == ("shop", True)


def unreached(service: str) -> Anomaly:
    return anomaly(service, Signal.DOWN, key=SeriesKey("t", service, "up"))


def test_a_target_that_a_scrape_does_not_reach_opens_alone_after_a_while_and_with_others_never() -> None:
    alone = told(unreached("shop"))
    assert alone.moves == ()
    later = correlate(News(), scene(now=NOW + seconds(61), waiting=alone.waiting), OPTIONS)
    assert [move.detected.service for move in opened(later)] == ["shop"]
    many = told(unreached("shop"), unreached("store"))
    assert many.moves == ()
    assert correlate(News(), scene(now=NOW + seconds(61), waiting=many.waiting), OPTIONS).moves == ()


def test_a_scrape_is_no_witness_of_a_silence() -> None:
    assert told(unreached("shop"), anomaly("shop", Signal.SILENCE)).moves == ()


def test_what_callees_or_strangers_show_speaks_for_nobody() -> None:
    gone = anomaly("shop", Signal.SILENCE)
    for other in (anomaly("db", Signal.ERRORS), anomaly("batch", Signal.ERRORS)):
        assert all(gone not in move.detected.anomalies for move in opened(told(gone, other)))


def test_severity_grows_with_the_harm_the_tier_and_the_breadth() -> None:
    def severity(*anomalies: Anomaly, services: Services | None = None) -> Severity:
        return opened(told(*anomalies, services=services or Services()))[0].detected.severity

    first_tier = Services({"shop": ServiceSpec("shop", tier=1)})
    wide = Topology(tuple(Edge("web", f"s{i}") for i in range(4)))
    many = opened(told(*(anomaly(f"s{i}") for i in range(4)), topology=wide))[0].detected.severity
    assert severity(anomaly(signal=Signal.BACKLOG)) is Severity.WARNING
    assert severity(anomaly()) is Severity.ERROR
    assert severity(anomaly(), services=first_tier) is Severity.CRITICAL
    assert many is Severity.CRITICAL


def test_the_table_of_symptoms_is_the_mask_that_decide_uses() -> None:
    signals = np.array(list(Signal), np.uint8)
    assert set(signals[opens(signals)]) == set(SYMPTOMS)
