"""The notification agent by its rules: calls that nobody answers, quiet nights, floods, and processes that die."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from akeso.agents.incidents.notice_delivery import NotificationOptions
from akeso.agents.incidents.notification import Guidance, NotificationAgent
from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.person_events import IncidentAcknowledged, IncidentSnoozed
from akeso.domain.incident.silence import Silence
from akeso.engine.incident_store import IncidentStore
from akeso.ports.bus import Topic
from akeso.stages.notification.rules import Chain, Limits, QuietHours, Route, Rules, everything_to
from akeso.testing.clock import FakeClock
from akeso.testing.conformance.notifiers import ScriptedNotifier
from akeso.testing.engine import Killed, RelayBus
from akeso.testing.journal import MemoryJournal

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
SHOP = [f"shop-{n}" for n in range(30)]
SERVICES = Services({name: ServiceSpec(name, owner="shop") for name in SHOP} | {"pay": ServiceSpec("pay", owner="pay")})
EACH = Limits(together=timedelta(0), most=1000)


class MortalMarks:
    """Positions that outlive the process; at the `dies`-th writing (0: never) it is killed: before, or `after` it."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.dies, self.after, self.writes = 0, False, 0

    async def mark(self, name: str, value: int) -> None:
        self.writes += 1
        if self.writes == self.dies and not self.after:
            raise Killed
        self.known[name] = value
        if self.writes == self.dies:
            raise Killed

    async def marked(self, name: str) -> int:
        return self.known.get(name, 0)


@dataclass
class Desk:
    """An agent on a journal, a clock and positions that outlive it."""

    rules: Rules
    start: datetime = NOON
    silences: list[Silence] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock, self.bus, self.marks = FakeClock(self.start), RelayBus(), MortalMarks()
        self.incidents = IncidentStore(MemoryJournal(), self.bus, self.clock)
        self.notifiers = {name: ScriptedNotifier() for name in self.rules.channels}
        self.agent = self._made()

    def _made(self) -> NotificationAgent:
        guidance = Guidance(self.rules, SERVICES, lambda: self.silences)
        agent = NotificationAgent(
            dict(self.notifiers), self.incidents, self.clock, NotificationOptions(), self.marks, guidance
        )
        self.bus.off(Topic.INCIDENT_LOG)
        self.bus.on(Topic.INCIDENT_LOG, agent.handle)
        return agent

    async def restart(self) -> None:
        """The agent dies as it stands, and another one begins."""
        await self.agent.stop()
        self.agent = self._made()
        await self.agent.start()

    async def opens(self, service: str, severity: Severity = Severity.CRITICAL) -> Incident:
        opened = e.IncidentDetected("acme", service, f"{service} is slow", severity, self.clock.now())
        return await self.incidents.open(opened, "test")

    async def passes(self, *, seconds: float = 0, step: float = 1) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        await self.clock.advance(timedelta(0), settle=5)
        while True:
            await self.agent.tick(self.clock.now())
            left = (end - self.clock.now()).total_seconds()
            await self.clock.advance(timedelta(seconds=min(step, left)), settle=5)
            if left <= 0:
                return

    def heard(self, channel: str) -> list[str]:
        return [type(entry.event).__name__ for _, entry in self.notifiers[channel].told]


def chained(*, quiet: str = "") -> Rules:
    night = QuietHours(time(22), time(7), ZoneInfo("UTC"))
    route = Route("all", tell=("chat",), chain="duty", quiet=quiet)
    chains = {"duty": Chain("duty", (("ann",), ("bob",)))}
    return Rules(("chat", "ann", "bob"), (route,), chains, quiet={"night": night}, limits=EACH)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk(chained(quiet="night"))
    await desk.agent.start()
    yield desk
    await desk.agent.stop()


async def test_whom_nobody_answers_is_followed_by_the_next_and_the_journal_says_so(desk: Desk) -> None:
    incident = await desk.opens("pay")
    await desk.passes(seconds=5)
    assert (desk.heard("chat"), desk.heard("ann"), desk.heard("bob")) == (["IncidentDetected"], ["PeopleCalled"], [])
    await desk.passes(seconds=16 * 60, step=5)
    assert desk.heard("bob") == ["PeopleCalled"]
    called = (await desk.incidents.get(incident.id)).attention.called
    assert [(c.step, c.channels) for c in called] == [(0, ("ann",)), (1, ("bob",))]


async def test_who_acknowledges_ends_the_calls_and_those_called_hear_the_end(desk: Desk) -> None:
    incident = await desk.opens("pay")
    await desk.passes(seconds=5)
    await desk.incidents.record(incident.id, IncidentAcknowledged("ann"), "ann")
    await desk.passes(seconds=60 * 60, step=30)
    await desk.incidents.record(incident.id, e.IncidentResolved("gone"), "test")
    await desk.passes()
    assert (desk.heard("ann"), desk.heard("bob")) == (["PeopleCalled", "IncidentResolved"], [])


async def test_a_call_that_was_decided_and_not_made_is_made_once_by_the_next_process(desk: Desk) -> None:
    desk.notifiers["ann"].failures = 1
    await desk.opens("pay")
    await desk.passes()
    assert desk.heard("ann") == []
    await desk.restart()
    await desk.passes(seconds=60)
    assert desk.heard("ann") == ["PeopleCalled"]


async def test_what_is_not_severe_waits_for_the_morning_across_a_restart_and_is_one_message() -> None:
    desk = Desk(replace(chained(quiet="night"), limits=Limits()), start=NOON + timedelta(hours=12))
    for service in SHOP[:3]:
        await desk.opens(service, Severity.WARNING)
    await desk.opens("pay", Severity.CRITICAL)
    await desk.passes()
    assert len(desk.heard("chat")) == len(desk.heard("ann")) == 1
    await desk.restart()
    await desk.passes(seconds=6.9 * 3600, step=600)
    assert len(desk.heard("chat")) == 1
    await desk.passes(seconds=600, step=60)
    assert [incident.title for incident, _ in desk.notifiers["chat"].told[1:]] == [
        "shop-2 is slow [2 more held back meanwhile: shop-0, shop-1]"
    ]
    await desk.restart()
    await desk.passes(seconds=60)
    assert len(desk.heard("chat")) == 2
    await desk.agent.stop()


async def test_a_snooze_and_a_silence_hold_notices_until_they_end(desk: Desk) -> None:
    until = desk.clock.now() + timedelta(minutes=10)
    desk.silences.append(Silence("sil-1", "acme", desk.clock.now(), until, "pay"))
    await desk.opens("pay")
    incident = await desk.opens("shop-1")
    await desk.passes()
    await desk.incidents.record(incident.id, IncidentSnoozed("ann", until), "ann")
    await desk.incidents.record(incident.id, e.IncidentEscalated("nothing helped"), "test")
    await desk.passes(seconds=9 * 60, step=30)
    assert desk.heard("chat") == ["IncidentDetected"]
    await desk.passes(seconds=90, step=30)
    assert sorted(desk.heard("chat")) == ["IncidentDetected", "IncidentDetected", "IncidentEscalated"]


async def test_a_flood_of_one_team_is_a_few_messages_and_another_teams_page_is_at_once() -> None:
    desk = Desk(everything_to(("pager",)))
    for service in SHOP:
        await desk.opens(service)
        await desk.passes(seconds=1)
    at = desk.clock.now()
    await desk.opens("pay")
    await desk.passes()
    last, _ = desk.notifiers["pager"].told[-1]
    assert (last.service, desk.clock.now() - at < timedelta(seconds=5)) == ("pay", True)
    await desk.passes(seconds=60)
    told = [incident.title for incident, _ in desk.notifiers["pager"].told]
    assert len(told) <= 5
    assert all(any(f"{name} is slow" in title or "more" in title for title in told) for name in SHOP)
    await desk.agent.stop()


class OnePage(ScriptedNotifier):
    """A channel that keeps one page an incident."""

    one_an_incident = True


async def test_where_an_incident_is_a_page_of_its_own_each_is_told_by_itself_and_so_is_its_end() -> None:
    desk = Desk(everything_to(("pager",)))
    desk.notifiers["pager"] = OnePage()
    await desk.restart()
    opened = [await desk.opens(service) for service in SHOP[:3]]
    await desk.passes()
    for incident in opened:
        await desk.incidents.record(incident.id, e.IncidentResolved("gone"), "test")
    await desk.passes()
    told = [(incident.service, type(entry.event).__name__) for incident, entry in desk.notifiers["pager"].told]
    assert sorted(told) == sorted((s, kind) for s in SHOP[:3] for kind in ("IncidentDetected", "IncidentResolved"))
    await desk.agent.stop()


async def lives(dies: int, *, after: bool) -> tuple[Desk, int]:
    """A desk through a flood in the night, an end and the morning, killed once; how often it wrote positions."""
    rules = replace(chained(quiet="night"), limits=Limits(together=timedelta(seconds=30)))
    desk = Desk(rules, start=NOON + timedelta(hours=18, minutes=59))
    await desk.agent.start()
    desk.marks.writes = 0
    desk.marks.dies, desk.marks.after = dies, after

    async def survive(call: Awaitable[object]) -> None:
        with suppress(Killed):
            await call
        # Whatever task was killed, the process is gone with it.
        if 0 < desk.marks.dies <= desk.marks.writes:
            desk.marks.dies = 0
            await desk.restart()

    for service in (*SHOP[:3], "pay"):
        severity = Severity.CRITICAL if service == "pay" else Severity.WARNING
        await survive(desk.opens(service, severity))
        await survive(desk.passes())
    for _ in range(24):
        await survive(desk.passes(seconds=10, step=10))
    await desk.agent.stop()
    return desk, desk.marks.writes


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_killed_at_any_write_loses_nothing_and_names_twice_what_it_tells_twice(after: bool) -> None:
    _, writes = await lives(0, after=after)
    assert writes > 15
    for dies in range(1, writes + 1):
        desk, _ = await lives(dies, after=after)
        for channel in ("chat", "ann"):
            told = desk.notifiers[channel].told
            words = " ".join(incident.title for incident, _ in told)
            assert all(name in words for name in (*SHOP[:3], "pay")), (dies, channel, words)
            names = [(incident.id, entry.sequence) for incident, entry in told]
            assert len(names) - len(set(names)) <= 1, (dies, channel, names)
