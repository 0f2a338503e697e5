"""The webhook notifier over real HTTP, by the agent that calls it and checked as a receiver would."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from akeso.adapters.clocks.system import SystemClock
from akeso.agents.incidents.notice_delivery import NotificationOptions
from akeso.agents.incidents.notification import NotificationAgent
from akeso.composition.notification import make_notifiers
from akeso.config.settings import Settings
from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.incident import events as e
from akeso.domain.incident.person_events import CloseReason, IncidentClosed
from akeso.engine.incident_store import IncidentStore
from akeso.plugins.notifiers.pagerduty import Pagerduty
from akeso.plugins.notifiers.webhook import Webhook
from akeso.ports.bus import Topic
from akeso.testing.conformance.notifiers import OPENED, told
from akeso.testing.engine import RelayBus
from akeso.testing.journal import MemoryJournal

pytestmark = pytest.mark.integration
KEY = b"signed by Akeso"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@dataclass
class Receiver:
    """Answers with `answers` in turn, then 204, and remembers (headers, body). enough: set once `wanted` were taken."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    wanted: int = 1
    enough: Event = field(default_factory=Event)

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        self.got.append((headers, body))
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.taken.append((headers, body))
        if len(self.taken) >= self.wanted:
            self.enough.set()
        return status


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = state.receive({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}/incidents"
        yield state
        server.shutdown()
        thread.join()


async def test_the_receiver_gets_the_notice_signed_over_what_it_got(receiver: Receiver) -> None:
    await Webhook(receiver.url, SECRET, now=lambda: 1_700_000_000.9).notify(*told(OPENED))
    ((headers, body),) = receiver.got
    said = json.loads(body)
    assert (said["notice"], said["incident"], said["severity"]) == ("opened", "inc-1", "error")
    assert said["headline"] == "Opened: cart is slow"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("inc-1-7", "1700000000")
    digest = hmac.new(KEY, b"inc-1-7.1700000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers["content-type"] == "application/json"


async def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    await Webhook(receiver.url).notify(*told(OPENED))
    assert "webhook-signature" not in receiver.got[0][0]


@pytest.mark.parametrize(("status", "error"), [(400, ActionFailed), (503, Unavailable)])
async def test_an_answer_that_is_no_yes_is_an_error(receiver: Receiver, status: int, error: type[Exception]) -> None:
    receiver.answers = [status]
    with pytest.raises(error, match=str(status)):
        await Webhook(receiver.url).notify(*told(OPENED))


async def test_a_notifier_of_the_settings_is_told_of_an_incident_until_it_takes_it(receiver: Receiver) -> None:
    receiver.answers, receiver.wanted = [503, 503], 2
    clock, bus = SystemClock(), RelayBus()
    incidents = IncidentStore(MemoryJournal(), bus, clock)
    notifiers = make_notifiers(Settings(notifiers={"oncall": {"kind": "webhook", "url": receiver.url}}))
    options = NotificationOptions(first_wait=timedelta(milliseconds=20))
    agent = NotificationAgent(notifiers, incidents, clock, options)
    bus.on(Topic.INCIDENT_LOG, agent.handle)
    opened = await incidents.open(OPENED, "test")
    await incidents.record(opened.id, e.IncidentResolved("as before"), "test")
    assert await _in_time(receiver.enough)
    await agent.stop()
    assert [json.loads(body)["notice"] for _, body in receiver.taken] == ["opened", "resolved"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got[:3]}) == 1


async def test_pagerduty_gets_one_alert_an_incident_and_its_end(receiver: Receiver) -> None:
    pager = Pagerduty("R0", receiver.url)
    await pager.notify(*told(OPENED))
    await pager.notify(*told(e.IncidentEscalated("nothing helped")))
    await pager.notify(*told(IncidentClosed("ann", CloseReason.FALSE_ALARM)))
    sent = [json.loads(body) for _, body in receiver.got]
    assert [event["event_action"] for event in sent] == ["trigger", "trigger", "resolve"]
    assert {event["dedup_key"] for event in sent} == {"inc-1"}
    assert sent[1]["payload"]["summary"] == "Escalated: cart is slow (nothing helped)"
    assert sent[0]["payload"]["severity"] == "error"


async def test_pagerduty_is_not_told_of_what_is_not_bad_enough(receiver: Receiver) -> None:
    await Pagerduty("R0", receiver.url, from_severity="critical").notify(*told(OPENED))
    assert receiver.got == []


async def _in_time(event: Event) -> bool:
    return await asyncio.to_thread(event.wait, 30)
