"""Safe mode is announced on the bus."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from akeso.domain.errors import Unavailable
from akeso.domain.messages import ConfigUpdate
from akeso.domain.outcome import Done, Failed, Unknown
from akeso.domain.plan import Step
from akeso.domain.service import ServiceSpec
from akeso.plugins.actions.safe_mode import SafeMode
from akeso.ports.bus import Subscription, Topic

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEP, SERVICE = Step("1", "safe_mode", "model-agent"), ServiceSpec("model-agent")


class Announcements:
    """A bus that keeps what is published."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.published: list[tuple[Topic, str, Any]] = []

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        if self.down:
            raise Unavailable("the bus is down")
        self.published.append((topic, key, payload))

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        raise NotImplementedError

    async def close(self) -> None: ...


class StoppedClock:
    def now(self) -> datetime:
        return NOW

    def nanoseconds(self) -> int:
        return int(NOW.timestamp()) * 1_000_000_000

    async def sleep(self, duration: timedelta) -> None: ...


def connected(bus: Announcements, *, enabled: bool = False) -> SafeMode:
    action = SafeMode()
    action.connect(bus, StoppedClock(), lambda: enabled)
    return action


async def test_switching_it_on_tells_every_agent() -> None:
    bus = Announcements()
    assert isinstance(await connected(bus).apply(STEP, SERVICE, "k1", {"mode": "off"}), Done)
    assert bus.published == [
        (Topic.CONFIG_UPDATES, "safe_mode", ConfigUpdate("safe_mode", "on", NOW, "safe_mode", "k1"))
    ]


async def test_undoing_puts_the_captured_mode_back() -> None:
    bus = Announcements()
    action = connected(bus, enabled=True)
    before = await action.capture(STEP, SERVICE)
    await action.undo(STEP, SERVICE, "k1", before)
    assert bus.published[0][2].value == "on"


async def test_it_can_be_switched_off() -> None:
    bus, off = Announcements(), Step("1", "safe_mode", "model-agent", {"mode": "off"})
    await connected(bus).apply(off, SERVICE, "k1", {})
    assert bus.published[0][2].value == "off"


async def test_an_unknown_mode_fails_and_says_so() -> None:
    bus, odd = Announcements(), Step("1", "safe_mode", "model-agent", {"mode": "maybe"})
    outcome = await connected(bus).apply(odd, SERVICE, "k1", {})
    assert isinstance(outcome, Failed)
    assert "parameters.mode" in outcome.why
    assert not bus.published


async def test_a_bus_that_is_down_leaves_it_open_whether_agents_were_told() -> None:
    assert isinstance(await connected(Announcements(down=True)).apply(STEP, SERVICE, "k1", {}), Unknown)


async def test_checking_looks_at_how_it_stands() -> None:
    assert isinstance(await connected(Announcements(), enabled=True).check(STEP, SERVICE, "k", {}), Done)
    assert isinstance(await connected(Announcements()).check(STEP, SERVICE, "k", {}), Failed)


async def test_an_unconnected_action_fails() -> None:
    assert isinstance(await SafeMode().apply(STEP, SERVICE, "k", {}), Failed)
