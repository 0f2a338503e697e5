"""The edges of the API that cannot be met from outside at will: a start that lasts, a reader that is slow."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message as Sent
from starlette.websockets import WebSocket

from akeso.adapters.keys.file import KeyFile
from akeso.agents.intake.feed import FeedAgent
from akeso.composition.system import System
from akeso.config.settings import load_settings
from akeso.domain import errors as e
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.events import Entry, IncidentDetected
from akeso.domain.incident.evolution import fold
from akeso.domain.incident.incident import Incident
from akeso.faces.api import stream
from akeso.faces.api.errors import problem, retry_headers, status_of
from akeso.faces.api.server import create_api
from akeso.ports.bus import Message, Topic
from akeso.testing.events import AT, example

NDJSON = {"Content-Type": "application/x-ndjson"}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[System]:
    """A system that was opened and not started."""
    system = await System.open(load_settings(None, {"data": str(folder / "data")}))
    try:
        yield system
    finally:
        await system.stop()


def caller_of(system: System) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_api(system), client=("127.0.0.1", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://akeso", headers={"X-API-Key": key_of(system)})


def key_of(system: System) -> str:
    return system.key_path.read_text().strip()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/v1/traces", "application/json", b'{"code":16,"message":"a valid API key'),
        ("/v1/logs", "application/x-protobuf", b"\x08\x10\x12"),
        ("/api/v1/write", "application/x-protobuf", b"a valid API key"),
        ("/loki/api/v1/push", "application/json", b"a valid API key"),
        ("/api/v1/logs", "application/json", b'{"error":"Forbidden","message":"a valid API key'),
    ],
)
async def test_a_stranger_is_turned_away_in_its_own_protocol(
    tmp_path: Path, path: str, content_type: str, body: bytes
) -> None:
    async with opened(tmp_path) as system, caller_of(system) as caller:
        refused = await caller.post(path, headers={"X-API-Key": "no", "Content-Type": content_type})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.content.startswith(body)


async def test_before_the_start_is_over_telemetry_is_not_taken_in(tmp_path: Path) -> None:
    event = {"component": "cart", "latency": 900, "error_rate": 0}
    async with opened(tmp_path) as system, caller_of(system) as caller:
        refused = await caller.post("/add-event", json=event)
        assert (refused.status_code, refused.json()["message"]) == (503, "Akeso is starting")
        assert int(refused.headers["Retry-After"]) >= 1
        health = await caller.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        assert (await caller.get("/api/v1/health/live")).status_code == 200
        await system.start()
        assert (await caller.post("/add-event", json=event)).status_code == 200
        assert (await caller.get("/health")).json()["status"] == "ready"


async def test_a_sender_needs_a_key_wherever_it_is(tmp_path: Path) -> None:
    event = {"component": "cart", "latency": 1, "error_rate": 0}
    async with opened(tmp_path) as system:
        for client, expected in (("127.0.0.1", 401), ("::1", 401), ("192.0.2.7", 401)):
            transport = httpx.ASGITransport(create_api(system), client=(client, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://akeso") as sender:
                assert (await sender.post("/add-event", json=event)).status_code == expected, client


async def test_a_system_that_cannot_be_opened_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "bad.cedar").write_text("permit (")
    settings = load_settings(None, {"data": str(tmp_path / "data"), "policies": str(tmp_path / "policies")})
    with pytest.raises(e.InvalidSettings, match=r"bad\.cedar"):
        await System.open(settings)
    async with opened(tmp_path) as system:
        assert not system.ready


@dataclass
class Feeding:
    """What the stream needs of a system."""

    keys: KeyFile
    feed: FeedAgent = field(default_factory=FeedAgent)

    @property
    def incident_store(self) -> "Feeding":
        return self

    async def get(self, incident: str) -> Incident:
        if incident != "i1":
            raise e.NotFound(incident)
        known = fold([detected(1)])
        assert known is not None
        return known

    async def hear(self, *sequences: int) -> None:
        for sequence in sequences:
            await self.feed.handle(Message(Topic.INCIDENT_LOG, "i1", detected(sequence)))


def detected(sequence: int, incident: str = "i1") -> Entry:
    return Entry(sequence, incident, AT, "healing", example(IncidentDetected, full=True))


@dataclass
class Reader:
    """A WebSocket reader that takes messages only while `takes` is set."""

    feeding: Feeding
    key: str
    sent: list[Sent] = field(default_factory=list)
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _connected: bool = False

    def socket(self) -> WebSocket:
        state = type("State", (), {"state": type("Inner", (), {"system": self.feeding})})
        scope = {"type": "websocket", "headers": [(b"x-api-key", self.key.encode())], "query_string": b"", "app": state}
        return WebSocket(scope, self._receive, self._send)

    async def _receive(self) -> Sent:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await self.gone.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def _send(self, message: Sent) -> None:
        if message["type"] == "websocket.send":
            await self.takes.wait()
        self.sent.append(message)

    def events(self) -> list[Any]:
        return [json.loads(m["text"])["entry"]["sequence"] for m in self.sent if m["type"] == "websocket.send"]

    def closed(self) -> int | None:
        return next((m["code"] for m in self.sent if m["type"] == "websocket.close"), None)


@pytest.fixture
def feeding(tmp_path: Path) -> Feeding:
    return Feeding(KeyFile(tmp_path / "keys.json"))


def reader_of(feeding: Feeding, tenant: str = "text") -> Reader:
    return Reader(feeding, feeding.keys.add("ann", Role.VIEWER, tenant))


async def turns() -> None:
    await asyncio.sleep(0.02)


async def test_a_slow_reader_is_told_so_and_let_go(feeding: Feeding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ROOM", 3)
    reader = reader_of(feeding)
    streaming = asyncio.create_task(stream.stream(reader.socket()))
    await turns()
    for sequence in range(1, 10):
        await feeding.hear(sequence)
        await turns()
    reader.takes.set()
    await asyncio.wait_for(streaming, 2)
    assert reader.events() == [1]
    assert reader.closed() == stream.TOO_SLOW


async def test_a_reader_gets_its_tenants_events_until_it_goes(feeding: Feeding) -> None:
    reader, other = reader_of(feeding), Reader(feeding, feeding.keys.add("bob", Role.ADMIN, "elsewhere"))
    for one in (reader, other):
        one.takes.set()
    streaming = [asyncio.create_task(stream.stream(one.socket())) for one in (reader, other)]
    await turns()
    await feeding.hear(1, 2)
    await feeding.feed.handle(Message(Topic.INCIDENT_LOG, "i2", detected(3, "i2")))
    await feeding.feed.handle(Message(Topic.INCIDENT_LOG, "", detected(4, "")))
    async with asyncio.timeout(1.8):
        while len(reader.events()) < 2:  # noqa: ASYNC110 - what was sent is seen from outside only
            await asyncio.sleep(0.002)
    assert (reader.events(), other.events()) == ([1, 2], [])
    for one in (reader, other):
        one.gone.set()
    await asyncio.wait_for(asyncio.gather(*streaming), 2)
    await feeding.hear(5)
    assert reader.closed() is None


async def test_a_stream_without_a_key_is_closed(feeding: Feeding) -> None:
    reader = Reader(feeding, "ak_wrong")
    await stream.stream(reader.socket())
    assert (reader.events(), reader.closed()) == ([], stream.UNAUTHORIZED)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (e.InvalidInput("port", "is odd"), 422),
        (e.InvalidSettings("keys.json", "is no JSON"), 500),
        (e.InvalidTransition("i1", "it is over"), 409),
        (e.NotFound("nothing"), 404),
        (e.Forbidden("no"), 403),
        (e.Conflict("done"), 409),
        (e.LeaseLost("gone"), 409),
        (e.Overloaded("full", timedelta(seconds=2.2)), 429),
        (e.Unavailable("away"), 503),
        (e.CircuitOpen("open"), 503),
        (e.JournalCorrupt(3, "torn"), 500),
        (e.ActionFailed("no"), 500),
    ],
)
def test_every_error_has_its_status_and_its_words(error: e.AkesoError, status: int) -> None:
    assert status_of(error) == status
    assert problem(error)["message"] == str(error)
    assert ("field" in problem(error)) == isinstance(error, e.InvalidInput)


def test_errors_that_pass_say_when_to_come_back() -> None:
    assert retry_headers(e.Overloaded("full", timedelta(seconds=2.2))) == {"Retry-After": "3"}
    assert retry_headers(e.Unavailable("away")) == {"Retry-After": "2"}
    assert retry_headers(e.NotFound("nothing")) == {}


def test_each_role_may_do_what_the_ones_below_it_may() -> None:
    assert sorted(Role) == [Role.INGEST, Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN]
    assert Caller("ann", Role.VIEWER, "t").role < Role.APPROVER


async def test_a_body_is_refused_as_a_whole_when_there_is_no_room_and_its_room_comes_back(tmp_path: Path) -> None:
    line = json.dumps({"service": "cart", "message": "x" * 3_000_000})

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(line), 65_536):
            yield line[start : start + 65_536].encode()

    async with opened(tmp_path) as system, caller_of(system) as caller:
        system.started = True
        bodies = system.ingestion.bodies
        bodies.take("other", 254 * 2**20)
        for content in (line, pieces()):
            refused = await caller.post("/api/v1/logs", content=content, headers=NDJSON)
            assert (refused.status_code, int(refused.headers["Retry-After"])) == (429, 2)
        assert (await caller.post("/api/v1/logs", json={"service": "cart", "message": "x"})).status_code == 202
        bodies.give("other", 254 * 2**20)
        assert (await caller.post("/api/v1/logs", content=pieces(), headers=NDJSON)).status_code == 202
        assert bodies.used == 0
