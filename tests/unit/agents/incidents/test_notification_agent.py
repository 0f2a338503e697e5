"""People are told of an incident's turns: each notifier at its own pace, again where it fails, and nobody waits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from akeso.agents.incidents.notice_delivery import NotificationOptions
from akeso.agents.incidents.notification import Guidance, NotificationAgent
from akeso.composition.notification import make_notifiers
from akeso.composition.system import System
from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import InvalidSettings, Unavailable
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice, headline, notice_of
from akeso.engine.breaker import BreakerOptions
from akeso.engine.incident_store import IncidentStore
from akeso.plugins.notifiers.webhook import Webhook
from akeso.ports.bus import Message, Topic
from akeso.stages.notification.rules import Limits, everything_to
from akeso.testing.clock import FakeClock
from akeso.testing.conformance.notifiers import OPENED, TOLD, ScriptedNotifier, told
from akeso.testing.engine import RelayBus
from akeso.testing.journal import MemoryJournal

OPTIONS = NotificationOptions(attempts=3, waiting=2, breaker=BreakerOptions(failures=2, reset=timedelta(seconds=20)))


@dataclass
class Desk:
    """A notification agent on an incident log of its own."""

    clock: FakeClock = field(default_factory=FakeClock)
    notifiers: dict[str, ScriptedNotifier] = field(default_factory=lambda: {"pager": ScriptedNotifier()})

    def __post_init__(self) -> None:
        self.bus = RelayBus()
        self.incidents = IncidentStore(MemoryJournal(), self.bus, self.clock)
        rules = replace(everything_to(tuple(self.notifiers)), limits=Limits(together=timedelta(0)))
        guidance = Guidance(rules)
        self.agent = NotificationAgent(dict(self.notifiers), self.incidents, self.clock, OPTIONS, guidance=guidance)
        self.bus.on(Topic.INCIDENT_LOG, self.agent.handle)

    async def passes(self, seconds: float = 0) -> None:
        await self.clock.advance(timedelta(seconds=seconds))

    def heard(self, name: str = "pager") -> list[str]:
        return [type(entry.event).__name__ for _, entry in self.notifiers[name].told]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk(notifiers={"pager": ScriptedNotifier(), "chat": ScriptedNotifier()})
    yield desk
    await desk.agent.stop()


async def test_opening_and_end_are_told_in_their_order_and_nothing_between(desk: Desk) -> None:
    opened = await desk.incidents.open(OPENED, "test")
    await desk.incidents.record(opened.id, e.AnalysisStarted(), "test")
    await desk.incidents.record(opened.id, e.IncidentResolved("as before"), "test")
    await desk.passes()
    assert desk.heard("pager") == desk.heard("chat") == ["IncidentDetected", "IncidentResolved"]


async def test_a_notifier_that_fails_is_tried_again_and_does_not_hold_up_another(desk: Desk) -> None:
    desk.notifiers["pager"].failures = 1
    await desk.incidents.open(OPENED, "test")
    await desk.passes()
    assert (desk.heard("pager"), desk.heard("chat")) == ([], ["IncidentDetected"])
    await desk.passes(1)
    assert desk.heard("pager") == ["IncidentDetected"]


async def test_a_notifier_that_keeps_failing_is_left_alone_for_a_while(desk: Desk) -> None:
    desk.notifiers["pager"].failures = 2
    await desk.incidents.open(OPENED, "test")
    await desk.passes(10)
    assert desk.notifiers["pager"].tries == 2
    await desk.passes(15)
    assert desk.heard("pager") == ["IncidentDetected"]


async def test_a_notice_that_cannot_be_told_is_given_up_and_the_next_one_is_told(desk: Desk) -> None:
    desk.notifiers["pager"].failures = OPTIONS.attempts
    opened = await desk.incidents.open(OPENED, "test")
    await desk.incidents.record(opened.id, e.IncidentEscalated("nothing helped"), "test")
    await desk.passes(200)
    assert desk.heard("pager") == ["IncidentEscalated"]


async def test_of_too_many_that_wait_the_oldest_is_given_up(desk: Desk) -> None:
    desk.notifiers["pager"].failures = 1
    for _ in range(4):
        await desk.incidents.open(OPENED, "test")
        await desk.passes()
    await desk.passes(200)
    assert len(desk.heard("pager")) == 3
    assert len(desk.heard("chat")) == 4


async def test_an_agent_that_is_stopped_tells_nothing_more(desk: Desk) -> None:
    desk.notifiers["pager"].failures = 1
    await desk.incidents.open(OPENED, "test")
    await desk.passes()
    await desk.agent.stop()
    await desk.passes(100)
    assert desk.heard("pager") == []


class Marks:
    """Positions that outlive an agent."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    async def mark(self, name: str, value: int) -> None:
        self.known[name] = value

    async def marked(self, name: str) -> int:
        return self.known.get(name, 0)


def agent_of(desk: Desk, pager: ScriptedNotifier, marks: Marks) -> NotificationAgent:
    return NotificationAgent({"pager": pager}, desk.incidents, desk.clock, OPTIONS, marks)


async def test_what_a_process_that_died_still_had_to_tell_is_told_once_by_the_next(desk: Desk) -> None:
    marks, first, second = Marks(), ScriptedNotifier(), ScriptedNotifier()
    dying = agent_of(desk, first, marks)
    desk.bus.on(Topic.INCIDENT_LOG, dying.handle)
    await dying.start()
    opened = await desk.incidents.open(OPENED, "test")
    await desk.passes()
    first.failures = 100
    await desk.incidents.record(opened.id, e.IncidentEscalated("nothing helped"), "test")
    await desk.passes()
    await dying.stop()
    living = agent_of(desk, second, marks)
    await living.start()
    await desk.passes()
    assert [type(entry.event).__name__ for _, entry in first.told] == ["IncidentDetected"]
    assert [type(entry.event).__name__ for _, entry in second.told] == ["IncidentEscalated"]
    await living.stop()
    third = ScriptedNotifier()
    last = agent_of(desk, third, marks)
    await last.start()
    await desk.passes()
    assert third.told == []
    await last.stop()


class Away(ScriptedNotifier):
    """Nobody answers for as many tries as `failures` says."""

    async def notify(self, incident: Incident, entry: e.Entry) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise Unavailable("no answer")
        self.told.append((incident, entry))


async def test_a_notifier_that_is_away_for_an_hour_misses_nothing(desk: Desk) -> None:
    away = Away(failures=100)
    agent = agent_of(desk, away, Marks())
    desk.bus.on(Topic.INCIDENT_LOG, agent.handle)
    opened = await desk.incidents.open(OPENED, "test")
    await desk.incidents.record(opened.id, e.IncidentResolved("as before"), "test")
    for _ in range(400):
        await desk.passes(10)
    assert [type(entry.event).__name__ for _, entry in away.told] == ["IncidentDetected", "IncidentResolved"]
    await agent.stop()


async def test_an_entry_of_an_incident_that_nobody_knows_is_passed_over(desk: Desk) -> None:
    _, entry = told(OPENED)
    await desk.agent.handle(Message(Topic.INCIDENT_LOG, entry.incident, entry))
    await desk.passes()
    assert desk.heard() == []


def test_every_notice_has_an_event() -> None:
    assert {notice_of(event) for event in TOLD} == set(Notice)


HEADLINES = (
    "Opened: cart is slow",
    "Approval needed: restart on cart, for: cart is slow",
    "Approval needed: restart on cart, for: cart is slow",
    "Resolved: cart is slow (cart is as fast as before)",
    "Escalated: cart is slow (nothing helped)",
    "Failed: cart is slow (the plan could not be carried out)",
    "Closed by ann: cart is slow (false alarm)",
    "Re-opened: cart is slow (it came back)",
    "You are called: cart is slow (nobody acknowledged it within 15 minutes)",
)


@pytest.mark.parametrize(("event", "words"), list(zip(TOLD, HEADLINES, strict=True)))
def test_a_headline_says_what_happened_to_what(event: e.Event, words: str) -> None:
    incident, entry = told(event)
    assert headline(incident, entry.event) == words


def test_notifiers_are_made_from_their_tables_under_any_name() -> None:
    hook = {"url": "http://127.0.0.1:1/a"}
    made = make_notifiers(Settings(notifiers={"webhook": hook, "oncall": {**hook, "kind": "webhook"}}))
    assert {name: type(notifier) for name, notifier in made.items()} == {"webhook": Webhook, "oncall": Webhook}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "notifiers.oncall.url"),
        ({"url": "ftp://there"}, "notifiers.oncall.url"),
        ({"url": "http://there", "secret": "whsec_*"}, "notifiers.oncall.secret"),
        ({"url": "http://there", "call_s": "soon"}, "notifiers.oncall.call_s"),
        ({"url": "http://there", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        make_notifiers(Settings(notifiers={"oncall": {"kind": "webhook", **options}}))
    assert named in refused.value.field


def test_a_notifier_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="no such plugin"):
        make_notifiers(Settings(notifiers={"pigeon": {}}))


@pytest.mark.parametrize("settings", [{}, {"notifiers": {"webhook": {"url": "http://127.0.0.1:1/a"}}}])
async def test_a_system_has_the_agent_where_a_notifier_is_configured(tmp_path: Path, settings: dict[str, Any]) -> None:
    system = await System.open(load_settings(None, {"data": str(tmp_path / "data"), **settings}))
    try:
        await system.start()
        assert (NotificationAgent.name in system.supervisor.alive) is bool(settings)
    finally:
        await system.stop()
