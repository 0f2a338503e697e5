"""One incident per fault."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.detection.symptoms import SYMPTOMS, opens
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.alert_trace import Fate
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.events import AlertAttached, Entry
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Attention, Closing, Incident, IncidentStatus
from akeso.domain.incident.person_events import CloseReason
from akeso.domain.incident.silence import Silence
from akeso.domain.telemetry.batches import Change, SeriesKey
from akeso.domain.telemetry.signal import EDGE_MEAN, Signal
from akeso.stages.correlation.correlate import correlate
from akeso.stages.correlation.placements import (
    Attach,
    AttachAlert,
    ClearAlert,
    Correlation,
    FireAgain,
    Move,
    Open,
    Suppress,
    Trace,
)
from akeso.stages.correlation.scene import CorrelateOptions, News, Scene

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


SILENCE = Silence("s1", "t", NOW - seconds(60), NOW + seconds(60), "shop")


def test_a_silence_holds_anomalies_and_alerts_of_its_service_and_says_so() -> None:
    result = told(anomaly("shop"), alerts=[alert("shop")], silences=[SILENCE])
    (said,) = result.moves
    assert isinstance(said, Trace)
    assert (said.fate, len(result.held), len(result.waiting)) == (Fate.SILENCED, 1, 1)
    assert opened(told(anomaly("db"), silences=[SILENCE]))


def test_what_outlasts_its_silence_opens_an_incident() -> None:
    before = told(anomaly("shop"), alerts=[alert("shop")], silences=[SILENCE])
    still = told(waiting=before.waiting, held=before.held, silences=[SILENCE])
    assert (still.moves, still.held) == ((), before.held)
    over = replace(SILENCE, end=NOW - seconds(1))
    (move,) = opened(told(waiting=before.waiting, held=before.held, silences=[over]))
    assert (len(move.detected.alerts), len(move.detected.anomalies)) == (1, 1)


def test_a_silence_of_a_label_leaves_other_alerts_alone() -> None:
    silence = replace(SILENCE, service="", labels=(("team", "web"),))
    mine = replace(alert("shop"), labels=(("team", "web"),))
    assert not opened(told(alerts=[mine], silences=[silence]))
    assert opened(told(alerts=[alert("shop")], silences=[silence]))


def test_an_alert_opens_an_incident_and_takes_anomalies_in_reach_along() -> None:
    (move,) = told(anomaly("db", Signal.CPU), alerts=[alert()]).moves
    assert isinstance(move, Open)
    assert move.detected.alerts == (alert(),)
    assert len(move.detected.anomalies) == 1


def test_an_alert_joins_an_open_incident_once() -> None:
    new = alert("db")
    assert told(alerts=[new, new], open=[incident()]).moves == (AttachAlert("i1", new),)
    assert fates(told(alerts=[new], open=[replace(incident(), alerts=(new,))])) == [Fate.RESENT]


def test_an_alert_that_became_worse_raises_its_incident() -> None:
    mild = replace(alert("db"), severity=Severity.WARNING)
    worse = replace(mild, severity=Severity.CRITICAL)
    known = replace(incident(), alerts=(mild,), severity=Severity.WARNING)
    assert told(alerts=[worse], open=[known]).moves == (AttachAlert("i1", worse),)
    raised = evolve(known, Entry(9, "i1", known.detected_at, "test", AlertAttached(worse)))
    assert (raised.severity, raised.alerts) == (Severity.CRITICAL, (worse,))
    assert fates(told(alerts=[mild], open=[raised])) == [Fate.RESENT]
    assert fates(told(alerts=[worse], closed=[replace(known, status=IncidentStatus.CLOSED)])) == [Fate.RESENT]


def fates(result: Correlation) -> list[Fate]:
    """What is to be known of alerts for which nothing happens."""
    return [move.fate for move in result.moves if isinstance(move, Trace)]


def test_a_resolved_alert_clears_where_it_is_attached_and_is_ignored_elsewhere() -> None:
    firing, resolved = alert(), alert(firing=False)
    known = replace(incident(), alerts=(firing,))
    assert told(alerts=[resolved], open=[known]).moves == (ClearAlert("i1", firing, resolved),)
    assert fates(told(alerts=[resolved], open=[incident()])) == [Fate.UNKNOWN_END]


def test_only_whose_key_said_that_it_fires_may_say_that_it_is_over() -> None:
    firing, own = replace(alert(), author="monitoring"), replace(alert(firing=False), author="monitoring")
    known, foreign = replace(incident(), alerts=(firing,)), replace(own, author="somebody")
    assert told(alerts=[own], open=[known]).moves == (ClearAlert("i1", firing, own),)
    (move,) = told(alerts=[foreign], open=[known]).moves
    assert isinstance(move, Trace)
    assert (move.alert, move.fate) == (firing, Fate.RESENT)


def test_an_alert_that_still_fires_is_no_news_whenever_it_is_said_to_have_begun() -> None:
    first, again = alert(ago=5), alert(ago=1)
    assert fates(told(alerts=[again], open=[replace(incident(), alerts=(first,))])) == [Fate.RESENT]
    over = replace(first, status=AlertStatus.RESOLVED)
    assert told(alerts=[again], open=[replace(incident(), alerts=(over,))]).moves == (FireAgain("i1", again),)


@pytest.mark.parametrize(
    ("ended", "reason", "moves"),
    [
        (600.0, None, (FireAgain("i1", alert(ago=1), "Slow fires again"),)),
        (600.0, CloseReason.FIXED_BY_HAND, (FireAgain("i1", alert(ago=1), "Slow fires again"),)),
        (600.0, CloseReason.KNOWN, (FireAgain("i1", alert(ago=1)),)),
        (5 * 3600.0, CloseReason.KNOWN, (FireAgain("i1", alert(ago=1), "Slow fires again"),)),
    ],
    ids=["resolved", "fixed by hand", "known", "known long ago"],
)
def test_an_alert_that_fires_again_re_opens_its_incident_unless_a_person_put_it_aside(
    ended: float, reason: CloseReason | None, moves: tuple[Move, ...]
) -> None:
    known = replace(incident(ended=ended), alerts=(replace(alert(ago=900), status=AlertStatus.RESOLVED),))
    if reason is not None:
        said = Attention(closing=Closing(NOW, "ann", reason))
        known = replace(known, status=IncidentStatus.CLOSED, attention=said)
    assert told(alerts=[alert(ago=1)], closed=[known]).moves == moves
    assert told(alerts=[alert(ago=1)], holders={("t", "test", "f"): known}).moves == moves


def test_after_many_hours_it_is_another_incident() -> None:
    known = replace(incident(ended=7 * 3600.0), alerts=(replace(alert(), status=AlertStatus.RESOLVED),))
    assert opened(told(alerts=[alert(ago=1)], holders={("t", "test", "f"): known}))


def test_the_same_symptom_of_an_incident_for_which_people_were_called_opens_no_other() -> None:
    escalated = replace(incident(anomaly("shop"), age=300), status=IncidentStatus.ESCALATED, handed_over_at=NOW)
    again = replace(anomaly("shop", ago=1), id="later")
    (move,) = told(again, handed_over=[escalated]).moves
    assert isinstance(move, Suppress)
    earlier = replace(escalated, handed_over_at=NOW - seconds(60))
    (other,) = told(anomaly("shop", Signal.ERRORS), handed_over=[earlier]).moves
    assert isinstance(other, Open)


def test_words_of_a_caller_name_who_cannot_be_reached() -> None:
    words = (("summary", "9 % of requests fail: cannot connect to orders-db"),)
    caller = replace(alert("orders"), annotations=words)
    (first,) = opened(told(alerts=[caller]))
    known = replace(incident(service="orders"), alerts=first.detected.alerts)
    another = replace(alert("billing", "g"), annotations=words)
    assert told(alerts=[another], open=[known]).moves == (AttachAlert("i1", another),)
    assert told(alerts=[alert("orders-db", "h")], open=[known]).moves == (AttachAlert("i1", alert("orders-db", "h")),)


def test_the_end_of_an_alert_counts_whatever_start_it_carries() -> None:
    firing, later = alert(ago=5), alert(firing=False, ago=9)
    known = replace(incident(), alerts=(firing,))
    end = alert(firing=False, ago=1)
    assert told(alerts=[end], open=[known]).moves == (ClearAlert("i1", firing, end),)
    assert told(alerts=[later], open=[known]).moves == (ClearAlert("i1", firing, later),)
    escalated = replace(known, status=IncidentStatus.ESCALATED)
    assert told(alerts=[later], handed_over=[escalated]).moves == (ClearAlert("i1", firing, later),)


def test_an_informative_alert_opens_nothing() -> None:
    assert fates(told(alerts=[replace(alert(), severity=Severity.INFO)])) == [Fate.NOTED]


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
