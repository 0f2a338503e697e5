"""The whole of Akeso beside a scene, in virtual time."""

from akeso.domain.incident.incident import IncidentStatus
from akeso.testing.worlds import SECOND, START, Shop
from akeso.worlds.delivery import Delivery
from akeso.worlds.running.run import Run, play
from akeso.worlds.running.setting import Setup

BOUND = Setup(bound=("cart", "pay", "web"))


async def journal_after_25_s(run: Run) -> bytes:
    await run.live_until(START + 25 * SECOND)
    return await run.journal()


def test_the_same_scene_gives_the_same_journal() -> None:
    one, other = play(Shop(12), BOUND, journal_after_25_s), play(Shop(12), BOUND, journal_after_25_s)
    assert b"IncidentDetected" in one
    assert one == other


def test_an_effect_acts_in_the_scene_and_heals_it() -> None:
    async def healed(run: Run) -> list[IncidentStatus]:
        await run.live_until(START + 40 * SECOND)
        return [incident.status for incident in await run.incidents()]

    shop = Shop(12)
    assert play(shop, BOUND, healed) == [IncidentStatus.RESOLVED]
    assert shop.acts == [("restart", "pay")]


def test_nothing_is_acted_on_that_is_not_bound() -> None:
    shop = Shop(12)
    play(shop, Setup(), journal_after_25_s)
    assert shop.acts == []


def test_what_akeso_does_not_take_in_is_counted() -> None:
    async def refused(run: Run) -> int:
        reply = await run.deliver(Delivery(START, "web", "/add-event", {"content-type": "application/json"}, b"no"))
        assert run.refused["web", "/add-event", reply.status] == 1
        return reply.status

    assert play(Shop(), BOUND, refused) == 422


def test_people_call_the_api_with_a_key() -> None:
    async def listed(run: Run) -> list[object]:
        reply = await run.call("GET", "/api/v1/incidents?limit=5")
        assert reply.status == 200
        return list(reply.json()["incidents"])

    assert play(Shop(), BOUND, listed) == []
