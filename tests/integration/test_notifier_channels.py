"""Channels of people over real connections: what each is sent, checked as its receiver would."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from akeso.domain.errors import ActionFailed, InvalidInput, RequestRefused, Unavailable
from akeso.domain.incident import events as e
from akeso.domain.incident.person_events import CloseReason, IncidentClosed
from akeso.plugins.discovery import make
from akeso.plugins.notifiers.email import Email
from akeso.testing.conformance.notifiers import OPENED, told

pytestmark = pytest.mark.integration

CONSOLE = "https://akeso.example.org/"
LINK = "https://akeso.example.org/#incident=inc-1"
CLOSED = IncidentClosed("ann", CloseReason.FALSE_ALARM)


@dataclass
class Room:
    """Takes what is sent: (path, headers, body)."""

    url: str = ""
    status: int = 200
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def room() -> Iterator[Room]:
    taken = Room()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            taken.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(taken.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    taken.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


async def sent(room: Room, name: str, event: e.Event, **options: object) -> tuple[str, dict[str, str], Any]:
    await make("notifiers", name, options | {"console": CONSOLE}).notify(*told(event))
    return room.got[-1]


async def test_slack_gets_blocks_and_a_button_and_no_markup_from_telemetry(room: Room) -> None:
    loud = e.IncidentEscalated("<!channel> is slow & dead")
    path, _, body = await sent(room, "slack", loud, url=f"{room.url}/services/T0/B0/x")
    assert path == "/services/T0/B0/x"
    assert body["text"] == "Escalated: cart is slow (&lt;!channel&gt; is slow &amp; dead)"
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "actions"]
    assert body["blocks"][2]["elements"][0]["url"] == LINK


async def test_teams_gets_an_adaptive_card(room: Room) -> None:
    _, _, body = await sent(room, "teams", OPENED, url=f"{room.url}/workflows/x")
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["body"][0]["inlines"][0]["text"] == "Opened: cart is slow"
    assert attachment["content"]["actions"][0]["url"] == LINK


async def test_discord_mentions_nobody_and_links_nothing_else(room: Room) -> None:
    loud = e.IncidentEscalated("@everyone [here](https://evil.example)")
    _, _, body = await sent(room, "discord", loud, url=f"{room.url}/api/webhooks/0/x")
    assert body["allowed_mentions"] == {"parse": []}
    (embed,) = body["embeds"]
    assert embed["title"] == r"Escalated: cart is slow \(\@everyone \[here\]\(https://evil.example\)\)"
    assert embed["url"] == LINK


async def test_telegram_gets_plain_text_and_is_quiet_when_it_is_over(room: Room) -> None:
    path, _, body = await sent(room, "telegram", CLOSED, token="1:x", chat="-100", url=room.url)
    assert path == "/bot1:x/sendMessage"
    assert "parse_mode" not in body
    assert body["disable_notification"] is True
    assert body["text"].startswith("Closed by ann: cart is slow (false alarm)\nService: cart\n")


async def test_opsgenie_has_one_alert_an_incident_which_its_end_closes(room: Room) -> None:
    path, headers, body = await sent(room, "opsgenie", OPENED, key="k", url=room.url)
    assert (path, headers["authorization"]) == ("/v2/alerts", "GenieKey k")
    assert (body["alias"], body["priority"], body["entity"]) == ("inc-1", "P2", "cart")
    path, _, body = await sent(room, "opsgenie", CLOSED, key="k", url=room.url)
    assert path == "/v2/alerts/inc-1/close?identifierType=alias"


async def test_grafana_gets_an_annotation_with_tags(room: Room) -> None:
    path, headers, body = await sent(room, "grafana", OPENED, token="t", url=room.url)
    assert (path, headers["authorization"]) == ("/api/annotations", "Bearer t")
    assert body["tags"] == ["akeso", "cart", "error"]
    assert body["time"] == 1893456000000


@pytest.mark.parametrize("name", ["slack", "teams", "discord", "grafana"])
async def test_what_is_not_severe_enough_is_not_told(room: Room, name: str) -> None:
    token = {"token": "t"} if name == "grafana" else {}
    await make("notifiers", name, {"url": room.url, "from_severity": "critical"} | token).notify(*told(OPENED))
    assert room.got == []


async def test_a_channel_that_is_gone_refuses(room: Room) -> None:
    room.status = 404
    with pytest.raises(RequestRefused):
        await make("notifiers", "slack", {"url": room.url}).notify(*told(OPENED))


@dataclass
class Post:
    """A server that takes mail; refuses: the answer to a recipient."""

    port: int = 0
    refuses: str = ""
    mails: list[EmailMessage] = field(default_factory=list)

    def converse(self, line: socket.socket) -> None:
        with line, line.makefile("rwb", buffering=0) as file:
            file.write(b"220 post ESMTP\r\n")
            for said in iter(file.readline, b""):
                word = said.strip().upper()
                if word == b"DATA":
                    file.write(b"354 go on\r\n")
                    body = b"".join(iter(file.readline, b".\r\n"))
                    self.mails.append(message_from_bytes(body, policy=policy.default))
                refused = word.startswith(b"RCPT") and self.refuses
                file.write(f"{self.refuses}\r\n".encode() if refused else b"250 fine\r\n")
                if word == b"QUIT":
                    return


@contextmanager
def post(refuses: str = "") -> Iterator[Post]:
    office = Post(refuses=refuses)
    with socket.create_server(("127.0.0.1", 0)) as server:
        office.port = server.getsockname()[1]
        thread = threading.Thread(target=lambda: office.converse(server.accept()[0]))
        thread.start()
        yield office
        thread.join(10)


def mail(port: int) -> Email:
    return Email("127.0.0.1", "akeso@example.org", ["ann@example.org"], port, "none", console=CONSOLE)


async def test_a_mail_names_the_incident_and_belongs_to_its_thread() -> None:
    with post() as office:
        await mail(office.port).notify(*told(e.IncidentEscalated("nobody knows\r\nBcc: evil@example.org")))
    (got,) = office.mails
    assert got["Subject"] == "[error] Escalated: cart is slow (nobody knows Bcc: evil@example.org)"
    assert got["Bcc"] is None
    assert (got["Message-ID"], got["References"]) == ("<inc-1-7@example.org>", "<inc-1@example.org>")
    assert LINK in got.get_content()


async def test_a_mail_that_the_server_does_not_take_is_refused() -> None:
    with post("550 no such person") as office, pytest.raises(RequestRefused, match="refused"):
        await mail(office.port).notify(*told(OPENED))


async def test_a_mail_that_the_server_puts_off_is_tried_again() -> None:
    with post("451 greylisted, come back") as office, pytest.raises(Unavailable, match="451"):
        await mail(office.port).notify(*told(OPENED))


async def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ActionFailed):
        await mail(port).notify(*told(OPENED))


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("slack", {"url": "slack.com"}, "url"),
        ("teams", {"url": "https://x", "from_severity": "loud"}, "from_severity"),
        ("telegram", {"token": "", "chat": "1"}, "token"),
        ("opsgenie", {"key": ""}, "key"),
        ("email", {"host": "h", "sender": "a@b", "to": []}, "to"),
        ("email", {"host": "h", "sender": "a@b\r\nBcc: x@y", "to": ["c@d"]}, "sender"),
    ],
)
def test_options_that_cannot_be_are_named(name: str, options: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as bad:
        make("notifiers", name, options)
    assert bad.value.field == field
