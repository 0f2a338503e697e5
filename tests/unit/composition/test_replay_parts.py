import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from akeso.adapters.buses.relay import RelayBus
from akeso.adapters.clocks.recorded import RecordedClock
from akeso.domain.errors import Forbidden, Unavailable
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.plan import Step
from akeso.engine.inert_actions import inert
from akeso.plugins.discovery import build
from akeso.ports.action import Action
from akeso.ports.bus import Message, Topic

STEP, SERVICE = Step("s1", "restart", "cart", {"count": "2"}), ServiceSpec("cart")
ACTIONS: dict[str, Action] = build("actions")


async def test_the_clock_of_a_recording_moves_when_told_and_never_back() -> None:
    clock = RecordedClock(1_000_000_000)
    sleeping = asyncio.create_task(clock.sleep(timedelta(seconds=2)))
    await asyncio.sleep(0)
    clock.move_to(2_900_000_000)
    await asyncio.sleep(0)
    assert not sleeping.done()
    clock.move_to(3_000_000_000)
    await asyncio.wait_for(sleeping, 1)
    clock.move_to(5)
    assert clock.now() == datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)


async def test_a_relay_hands_messages_over_at_once_and_in_order() -> None:
    bus, heard = RelayBus(), list[tuple[str, object]]()

    async def first(message: Message) -> None:
        heard.append(("first", message.payload))
        if message.topic is Topic.FEATURES:
            await bus.publish(Topic.PREDICTIONS, "", "p")

    async def second(message: Message) -> None:
        heard.append(("second", message.payload))

    bus.on([Topic.FEATURES, Topic.PREDICTIONS], first)
    bus.on([Topic.FEATURES], second)
    await bus.publish(Topic.FEATURES, "", "f")
    assert heard == [("first", "f"), ("first", "p"), ("second", "f")]
    with pytest.raises(Unavailable, match="no subscriptions"):
        bus.subscribe([Topic.FEATURES], "g")


@pytest.mark.parametrize("name", ACTIONS)
async def test_an_inert_action_says_what_it_is_and_touches_nothing(name: str) -> None:
    real, still = ACTIONS[name], inert(ACTIONS)[name]
    assert (still.name, still.reversible, still.risk) == (real.name, real.reversible, real.risk)
    assert await still.preview(STEP, SERVICE) == f"would {name} cart (count=2)"
    for touching in (
        still.capture(STEP, SERVICE),
        still.check(STEP, SERVICE, "k", {}),
        *(getattr(still, verb)(STEP, SERVICE, "k", {}) for verb in ("apply", "undo")),
    ):
        with pytest.raises(Forbidden, match="is inert"):
            await touching
