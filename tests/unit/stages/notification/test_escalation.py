"""Who is called next, what is told together, and who would be told."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import Attention, Calling, Incident, IncidentStatus
from akeso.domain.incident.notice import Notice
from akeso.domain.incident.silence import Silence
from akeso.stages.notification.escalation import due_calls
from akeso.stages.notification.pacing import Pacing, group_of
from akeso.stages.notification.prospect import prospects
from akeso.stages.notification.rules import Chain, Limits, QuietHours, Route, Rules
from akeso.stages.notification.summary import summary

AT = datetime(2030, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERVICES = Services({"cart": ServiceSpec("cart", owner="shop"), "pay": ServiceSpec("pay", owner="money")})
CART = Incident("inc-1", "acme", "cart", "cart is slow", Severity.CRITICAL, AT, AT, AT)
NIGHT = QuietHours(time(22), time(7), ZoneInfo("UTC"))
RULES = Rules(
    ("a", "b"), (Route("r", chain="shop", quiet="night"),), {"shop": Chain("shop", (("a",), ("b",)))},
    quiet={"night": NIGHT},
)  # fmt: skip


def called(*minutes: int) -> Incident:
    callings = tuple(Calling(AT + m * MINUTE, "shop", step, ("a",)) for step, m in enumerate(minutes))
    return replace(CART, attention=Attention(called=callings))


def due(incident: Incident, minutes: float, rules: Rules = RULES) -> list[tuple[int, tuple[str, ...]]]:
    return [(c.step, c.channels) for c in due_calls(rules, SERVICES, incident, (), AT + minutes * MINUTE)]


def test_the_first_is_called_at_once_and_the_next_when_nobody_answered_in_time() -> None:
    assert due(CART, 0) == [(0, ("a",))]
    assert due(called(0), 14.9) == []
    assert due(called(0), 15) == [(1, ("b",))]
    assert due(called(0, 15), 500) == []


@pytest.mark.parametrize(
    ("severity", "minutes"),
    [(Severity.CRITICAL, 15), (Severity.ERROR, 30), (Severity.WARNING, 60), (Severity.INFO, 120)],
)
def test_the_less_severe_the_longer_a_call_may_go_unanswered(severity: Severity, minutes: int) -> None:
    incident = replace(called(0), severity=severity)
    assert (due(incident, minutes - 1), due(incident, minutes)) == ([], [(1, ("b",))])


def test_a_chain_of_two_rounds_begins_again() -> None:
    twice = replace(RULES, chains={"shop": replace(RULES.chains["shop"], rounds=2)})
    assert due(called(0, 15), 30, twice) == [(2, ("a",))]
    assert due(called(0, 15, 30, 45), 500, twice) == []


@pytest.mark.parametrize(
    "incident",
    [
        replace(CART, attention=Attention(acknowledged_by="ann")),
        replace(CART, attention=Attention(snoozed_until=AT + MINUTE)),
        replace(CART, status=IncidentStatus.RESOLVED),
    ],
)
def test_nobody_is_called_of_what_somebody_has_or_is_over(incident: Incident) -> None:
    assert due(incident, 0) == []


def test_nobody_is_called_of_what_is_silenced() -> None:
    silence = Silence("sil-1", "acme", AT, AT + MINUTE, "cart")
    assert due_calls(RULES, SERVICES, CART, (silence,), AT) == ()


def test_somebody_who_began_anew_gives_the_last_called_another_turn() -> None:
    assert due(replace(called(0), reopened_at=AT + 10 * MINUTE), 15) == []
    assert due(replace(called(0), reopened_at=AT + 10 * MINUTE), 25) == [(1, ("b",))]


def test_calls_wait_for_the_end_of_quiet_hours() -> None:
    low = replace(CART, severity=Severity.WARNING)
    assert due(low, 11 * 60) == []
    assert due(low, 19 * 60) == [(0, ("a",))]
    assert due(CART, 11 * 60) == [(0, ("a",))]


def test_who_would_be_told_is_answered_by_the_rules_that_act() -> None:
    low = replace(CART, severity=Severity.WARNING)
    entry = e.Entry(1, "inc-1", AT + 11 * 60 * MINUTE, "x", e.IncidentDetected("acme", "cart", "", low.severity, AT))
    found = [(p.at.hour, p.channels, p.held) for p in prospects(RULES, SERVICES, low, entry)]
    assert found == [(7, ("a",), "night"), (8, ("b",), "")]


GROUP = group_of(SERVICES, CART)


def admitted(pacing: Pacing, group: tuple[str, str], seconds: float, severity: Severity = Severity.CRITICAL) -> bool:
    return pacing.admits(group, Notice.OPENED, severity, AT + timedelta(seconds=seconds))


def test_what_one_teams_outage_makes_within_a_while_is_told_together() -> None:
    pacing = Pacing(Limits(together=timedelta(seconds=30)))
    assert [admitted(pacing, GROUP, at) for at in (0, 1, 29, 30, 31)] == [True, False, False, True, False]
    assert admitted(pacing, ("acme", "money"), 31)
    assert pacing.admits(GROUP, Notice.RESOLVED, Severity.INFO, AT)


def test_no_more_is_told_than_people_can_read_but_another_teams_page_is() -> None:
    pacing = Pacing(Limits(together=timedelta(0), most=2))
    assert [admitted(pacing, GROUP, at) for at in (0, 1, 2)] == [True, True, False]
    assert not admitted(pacing, ("acme", "money"), 3, Severity.WARNING)
    assert admitted(pacing, ("acme", "money"), 4)
    assert admitted(pacing, GROUP, 60)


def test_a_group_is_the_team_and_without_one_the_service() -> None:
    assert GROUP == ("acme", "shop")
    assert group_of(SERVICES, replace(CART, service="mail")) == ("acme", "mail")


def test_what_was_held_back_is_one_notice_of_the_worst_that_is_not_over() -> None:
    opened = e.IncidentDetected("acme", "cart", "", Severity.ERROR, AT)
    low, high = replace(CART, id="b", severity=Severity.WARNING), replace(CART, id="c", service="pay")
    over = replace(CART, id="d", status=IncidentStatus.RESOLVED)
    held = [(i, e.Entry(n, i.id, AT, "x", opened)) for n, i in enumerate((low, high, over, low), 1)]
    incident, entry = summary(held)
    assert (incident.id, entry.sequence) == ("c", 2)
    assert incident.title == "cart is slow [2 more, 1 of them over, held back meanwhile: cart (2)]"


def test_one_that_was_held_back_is_told_as_it_is() -> None:
    entry = e.Entry(1, "inc-1", AT, "x", e.IncidentResolved("gone"))
    assert summary([(CART, entry)]) == (CART, entry)
