"""Who is told of what: routes, targets, silences and snoozes."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import Attention, Calling, Incident, IncidentStatus
from akeso.domain.incident.notice import Notice
from akeso.domain.incident.person_events import PeopleCalled
from akeso.domain.incident.silence import Silence
from akeso.stages.notification.rotation import is_quiet, on_call
from akeso.stages.notification.routing import channels_of, routes_of, stilled, told
from akeso.stages.notification.rules import Match, Override, QuietHours, Rotation, Route, Rules

AT = datetime(2030, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
SERVICES = Services({"cart": ServiceSpec("cart", owner="shop"), "pay": ServiceSpec("pay", owner="money")})
CART = Incident("inc-1", "acme", "cart", "cart is slow", Severity.ERROR, AT, AT, AT)
OPENED = e.Entry(1, "inc-1", AT, "test", e.IncidentDetected("acme", "cart", "cart is slow", Severity.ERROR, AT))
ENDED = e.Entry(9, "inc-1", AT, "test", e.IncidentResolved("gone"))
WEEKLY = Rotation(("ann", "bob"), AT.date(), zone=BERLIN)


def rules(*routes: Route) -> Rules:
    return Rules(("chat", "a", "b", "boss"), routes, rotations={"duty": WEEKLY}, people={"ann": ("a",), "bob": ("b",)})


def heard(given: Rules, incident: Incident = CART, entry: e.Entry = OPENED, at: datetime = AT) -> list[str]:
    return [each.channel for each in told(given, SERVICES, incident, entry, at)]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(services=("car*",)), True),
        (Match(services=("pay",)), False),
        (Match(owners=("shop",)), True),
        (Match(owners=("money",)), False),
        (Match(tenants=("acme",), severity=Severity.ERROR), True),
        (Match(severity=Severity.CRITICAL), False),
        (Match(notices=frozenset({Notice.ESCALATED})), False),
        (Match(labels=(("team", "x"),)), False),
    ],
)
def test_a_route_is_for_what_fits_all_that_it_says(match: Match, fits: bool) -> None:
    assert heard(rules(Route("r", match, ("chat",)))) == (["chat"] if fits else [])


def test_labels_are_those_of_one_alert() -> None:
    alert = Alert("acme", "f", "x", "cart", "t", Severity.ERROR, AlertStatus.FIRING, AT, labels=(("team", "x"),))
    given = rules(Route("r", Match(labels=(("team", "x"),)), ("chat",)))
    assert heard(given, replace(CART, alerts=(alert,))) == ["chat"]


def test_the_first_route_that_fits_is_the_last_unless_it_goes_on() -> None:
    first, second = Route("one", tell=("chat",)), Route("two", tell=("boss",))
    assert heard(rules(first, second)) == ["chat"]
    assert heard(rules(replace(first, goes_on=True), second)) == ["chat", "boss"]


def test_what_no_route_is_for_is_told_otherwise() -> None:
    given = replace(rules(Route("r", Match(owners=("money",)))), otherwise=("boss",))
    assert heard(given) == ["boss"]
    assert [r.name for r in routes_of(given, SERVICES, CART, Notice.OPENED)] == ["otherwise"]


def test_an_end_is_told_to_who_had_the_turn_at_the_beginning_too() -> None:
    given = rules(Route("r", tell=("duty",)))
    assert heard(given, at=AT + 8 * 24 * HOUR) == ["b"]
    assert heard(given, entry=ENDED, at=AT + 8 * 24 * HOUR) == ["a", "b"]


def test_a_call_reaches_the_channels_that_it_names_and_they_hear_the_rest() -> None:
    call = replace(OPENED, event=PeopleCalled("shop", 1, ("boss",)))
    assert heard(rules(Route("r", tell=("chat",))), entry=call) == ["boss"]
    called = replace(CART, attention=Attention(called=(Calling(AT - HOUR, "shop", 1, ("boss",)),)))
    assert heard(rules(Route("r", tell=("chat",))), called, ENDED) == ["chat", "boss"]


@pytest.mark.parametrize(
    ("at", "who"),
    [
        (datetime(2030, 1, 2, 8, 59, tzinfo=BERLIN), "bob"),
        (datetime(2030, 1, 2, 9, 0, tzinfo=BERLIN), "ann"),
        (datetime(2030, 1, 9, 8, 59, tzinfo=BERLIN), "ann"),
        (datetime(2030, 1, 9, 9, 0, tzinfo=BERLIN), "bob"),
        # After the clocks were put forward it is still nine.
        (datetime(2030, 7, 10, 8, 59, tzinfo=BERLIN), "ann"),
        (datetime(2030, 7, 10, 9, 0, tzinfo=BERLIN), "bob"),
    ],
)
def test_turns_change_at_the_local_time_of_the_hand_over(at: datetime, who: str) -> None:
    assert on_call(WEEKLY, at) == who


def test_an_override_goes_before_the_turn_and_ends() -> None:
    swapped = replace(WEEKLY, overrides=(Override("cleo", AT, AT + HOUR),))
    assert [on_call(swapped, AT + shift * HOUR) for shift in (-1, 0, 1)] == ["ann", "cleo", "ann"]
    assert channels_of(rules(), ("duty", "ann"), AT) == ("a",)


NIGHT = QuietHours(time(22), time(7), BERLIN, whole_days=frozenset({6}))


@pytest.mark.parametrize(
    ("at", "severity", "quiet"),
    [
        (datetime(2030, 1, 2, 23, tzinfo=BERLIN), Severity.WARNING, True),
        (datetime(2030, 1, 2, 6, 59, tzinfo=BERLIN), Severity.INFO, True),
        (datetime(2030, 1, 2, 7, 0, tzinfo=BERLIN), Severity.WARNING, False),
        (datetime(2030, 1, 6, 12, tzinfo=BERLIN), Severity.WARNING, True),
        (datetime(2030, 1, 2, 23, tzinfo=BERLIN), Severity.ERROR, False),
        (datetime(2030, 1, 2, 23, tzinfo=BERLIN), Severity.CRITICAL, False),
    ],
)
def test_in_quiet_hours_what_is_less_severe_waits(at: datetime, severity: Severity, quiet: bool) -> None:
    assert is_quiet(NIGHT, severity, at) is quiet


def test_nothing_makes_critical_wait() -> None:
    night = datetime(2030, 1, 2, 23, tzinfo=BERLIN)
    assert not is_quiet(replace(NIGHT, below=Severity.CRITICAL), Severity.CRITICAL, night)
    assert is_quiet(replace(NIGHT, below=Severity.CRITICAL), Severity.ERROR, night)


def test_a_snooze_stills_until_it_ends_or_the_incident_does() -> None:
    snoozed = replace(CART, attention=Attention(snoozed_until=AT + HOUR))
    assert stilled(snoozed, (), AT).startswith("snoozed until 2030-01-02T13")
    assert stilled(snoozed, (), AT + HOUR) == ""
    assert stilled(replace(snoozed, status=IncidentStatus.RESOLVED), (), AT) == ""


def test_a_silence_stills_an_incident_all_of_which_it_covers() -> None:
    silence = Silence("sil-1", "acme", AT, AT + HOUR, "cart", by="ann")
    other = Alert("acme", "f", "x", "pay", "t", Severity.ERROR, AlertStatus.FIRING, AT)
    assert "sil-1" in stilled(CART, (silence,), AT)
    assert stilled(CART, (silence,), AT + HOUR) == ""
    assert stilled(replace(CART, tenant="other"), (silence,), AT) == ""
    assert stilled(replace(CART, alerts=(other,)), (silence,), AT) == ""
