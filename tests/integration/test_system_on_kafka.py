"""The running whole on Kafka: telemetry in over HTTP, a decision on its topic, an incident opened."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.kafka import KafkaBus
from akeso.domain.messages import Decision
from akeso.ports.bus import Topic
from akeso.testing.servers.kafka_server import KafkaServer
from akeso.testing.servers.past import write_calm_past
from akeso.testing.servers.running import Akeso, eventually, faring

pytestmark = [pytest.mark.xdist_group("kafka"), pytest.mark.integration, pytest.mark.slow]

# Half the usual slots, so that what is normal is known twice as soon.
QUICK = ("features.slot=0.5", "features.lateness=0.5")
SERVICES = ("shop", "cart")
PAST_S, CALM_EVENTS = 12.0, 40  # of ten a second and service, as the past has them


async def anomalous(servers: str) -> Decision:
    """The first decision that raises something, as any other program of the team would read it."""
    bus = KafkaBus(servers, PayloadCodec())
    async with asyncio.timeout(90), bus.subscribe([Topic.DECISIONS], "another-program") as subscription:
        async for message in subscription:
            await subscription.commit(message)
            if message.payload.raised:
                break
    await bus.close()
    assert isinstance(message.payload, Decision)
    return message.payload


def counted(akeso: Akeso, *names: str) -> list[float]:
    with akeso.client() as client:
        rows = [row.rsplit(" ", 1) for row in client.get("/metrics").text.splitlines() if row[:1] != "#"]
    return [float(dict(rows).get(name, 0)) for name in names]


def is_handed_out(akeso: Akeso) -> bool:
    taken, heard = counted(akeso, "akeso_ingest_batches_total", 'akeso_agent_messages_total{agent="feature"}')
    return heard >= taken > 0


@pytest.mark.timeout(240)
def test_what_came_while_kafka_was_away_reaches_the_detectors_when_it_is_back(
    kafka: KafkaServer, tmp_path: Path
) -> None:
    akeso = Akeso(tmp_path, f"kafka={kafka.servers}", *QUICK)
    with akeso.running(), faring(akeso, SERVICES, set()) as sent:
        eventually(lambda: len(sent) > 20 and is_handed_out(akeso), "telemetry reaches the detectors", 60)
        kafka.kill()
        eventually(lambda: "publish_queue.bus_away" in akeso.log(), "the bus is missed", 60, 0.5)
        before = len(sent)
        eventually(lambda: len(sent) > before, "senders are still heard", 60)
        kafka.start()
        with_all = counted(akeso, "akeso_ingest_batches_total")[0]
        heard = 'akeso_agent_messages_total{agent="feature"}'
        eventually(lambda: counted(akeso, heard)[0] >= with_all, "what came meanwhile is heard", 90, 0.5)
    assert "Traceback" not in akeso.log()


async def test_telemetry_becomes_a_decision_and_an_incident(kafka: KafkaServer, tmp_path: Path) -> None:
    ill: set[str] = set()
    decided = threading.Event()
    akeso = Akeso(tmp_path, f"kafka={kafka.servers}", *QUICK)

    def watched() -> Any:
        write_calm_past(akeso.data, SERVICES, PAST_S)
        with akeso.running():
            with faring(akeso, SERVICES, ill) as sent:
                eventually(lambda: len(sent) > CALM_EVENTS, "normal times go on", 60)
                assert akeso.incidents() == []
                ill.add("cart")
                found = eventually(akeso.incidents, "an incident is opened", 60)
                assert decided.wait(60)
            assert akeso.stop() == 0
            return found

    async def read() -> Decision:
        decision = await anomalous(kafka.servers)
        decided.set()
        return decision

    decision, found = await asyncio.gather(read(), asyncio.to_thread(watched))
    assert {anomaly.key.service for anomaly in decision.raised} == {"cart"}
    assert [incident["service"] for incident in found] == ["cart"]
    assert "Traceback" not in akeso.log()
