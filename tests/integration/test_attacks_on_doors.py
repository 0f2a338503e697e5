"""The doors of a running Akeso: foreign pages, half-sent requests, guesses, and bodies that mean two things."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from akeso.testing.servers.running import Akeso, eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(150)]

SHORT = (
    "access.connections.head=2", "access.connections.silence=2", "access.connections.body=4",
    "access.connections.most=100",
)  # fmt: skip
EVENT = {"component": "cart", "latency": 1, "error_rate": 0}
DOORS = ["/add-event", "/api/v1/logs", "/api/v1/changes", "/api/v1/alerts/alertmanager", "/v2/enqueue", "/v1/metrics"]
each_door = pytest.mark.parametrize("path", [*DOORS, "/api/v1/incidents", "/api/v1/effects/suspend"])


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    with Akeso(tmp_path_factory.mktemp("doors"), *SHORT).running() as akeso:
        yield akeso


def post(akeso: Akeso, path: str, **headers: str) -> httpx.Response:
    with akeso.client() as client:
        return client.post(path, content=json.dumps(EVENT), headers={"Content-Type": "application/json", **headers})


@each_door
@pytest.mark.parametrize(
    "kind", ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_of_a_foreign_page_can_send_is_refused(akeso: Akeso, path: str, kind: str) -> None:
    assert post(akeso, path, **{"Content-Type": kind}).status_code == 415


@each_door
@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_a_foreign_page_is_refused_whatever_it_sends(akeso: Akeso, path: str, origin: str) -> None:
    assert post(akeso, path, Origin=origin).status_code == 403
    assert post(akeso, path, **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}).status_code == 403


@each_door
@pytest.mark.parametrize("host", ["example.com", "akeso.example.com", "127.0.0.1.example.com", "localhost.example.com"])
def test_a_name_that_was_bent_to_this_address_is_refused(akeso: Akeso, path: str, host: str) -> None:
    assert post(akeso, path, Host=f"{host}:{akeso.port}").status_code == 421


def test_two_hosts_are_refused(akeso: Akeso) -> None:
    with socket.create_connection(("127.0.0.1", akeso.port)) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("headers", [{"Origin": "https://example.com"}, {"Host": "example.com"}])
def test_the_stream_is_closed_to_foreign_pages(akeso: Akeso, headers: dict[str, str]) -> None:
    given = {"X-API-Key": akeso.key, **headers}
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{akeso.port}/api/v1/stream", additional_headers=given):
        pass


def test_a_key_in_the_address_opens_nothing(akeso: Akeso) -> None:
    with akeso.client("") as client:
        assert client.get(f"/api/v1/incidents?key={akeso.key}").status_code == 401
    address = f"ws://127.0.0.1:{akeso.port}/api/v1/stream?key={akeso.key}"
    with connect(address) as stream, pytest.raises(ConnectionClosed):
        stream.recv(10)


def test_a_ticket_opens_the_stream_once(akeso: Akeso) -> None:
    with akeso.client() as client:
        ticket = client.post("/api/v1/stream/tickets").json()["ticket"]
    address = f"ws://127.0.0.1:{akeso.port}/api/v1/stream?ticket={ticket}"
    with connect(address) as first, connect(address) as second:
        with pytest.raises(ConnectionClosed):
            second.recv(10)
        with pytest.raises(TimeoutError):
            first.recv(0.5)


def test_a_stream_ends_within_two_seconds_of_its_key(akeso: Akeso) -> None:
    key = akeso.new_key("leaver", "viewer")
    with connect(f"ws://127.0.0.1:{akeso.port}/api/v1/stream", additional_headers={"X-API-Key": key}) as stream:
        with pytest.raises(TimeoutError):
            stream.recv(0.5)
        keys = akeso.data / "keys.json"
        draft = keys.with_suffix(".draft")
        draft.write_text(json.dumps([row for row in json.loads(keys.read_text()) if row["name"] != "leaver"]))
        draft.replace(keys)
        with pytest.raises(ConnectionClosed):
            stream.recv(2)


TWICE = ['{"service": "a", "service": "b", "title": "x"}', '{"service": "a", "title": "x", "x": {"y": 1, "y": 2}}']
NUMBERS = ['{"service": "a", "title": "x", "n": 1e999}', '{"service": "a", "title": "x", "n": NaN}',
           '{"service": "a", "title": "x", "n": ' + "9" * 30 + "}"]  # fmt: skip
DEEP = ["[" * 100_000, '{"a":' * 50_000]


@pytest.mark.parametrize("body", [*TWICE, *NUMBERS, *DEEP], ids=str.__len__)
def test_json_that_means_two_things_or_too_much_is_refused(akeso: Akeso, body: str) -> None:
    with akeso.client() as client:
        answer = client.post("/api/v1/incidents", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["field"]) == (422, "body")


def test_a_giant_is_refused_before_it_is_read(akeso: Akeso) -> None:
    with akeso.client() as client:
        body = json.dumps({"service": "a", "title": "x" * 2**21})
        assert (
            client.post("/api/v1/incidents", content=body, headers={"Content-Type": "application/json"}).status_code
            == 413
        )


def test_a_pattern_cannot_hold_up_the_process(akeso: Akeso) -> None:
    with akeso.client() as client:
        told = {"service": "x", "message": "a" * 27 + "!"}
        assert client.post("/api/v1/logs", json=[told]).status_code == 202
        metric = {"component": "a" * 27 + "!", "latency": 1, "error_rate": 0, "labels": {"x": "a" * 40 + "!"}}
        assert client.post("/add-event", json=metric).status_code == 200
        began = time.monotonic()
        assert client.get("/api/v1/telemetry/metrics", params={"match": "x=~(a+)+$"}).status_code == 200
        assert client.get("/api/v1/telemetry/metrics", params={"match": r"x=~(a)\1"}).status_code == 422
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "query",
    [
        "audit?after=99999999999999999999",
        "audit?limit=1e9",
        "telemetry/metrics?step=1e308",
        "telemetry/logs?limit=9e99",
    ],
)
def test_numbers_are_bounded(akeso: Akeso, query: str) -> None:
    with akeso.client() as client:
        assert client.get(f"/api/v1/{query}").status_code == 422


def test_guesses_are_counted_and_slowed_and_keep_nobody_else_waiting(akeso: Akeso) -> None:
    with akeso.client("ak_guess") as guesser:
        told = [guesser.get("/api/v1/incidents").status_code for _ in range(30)]
    assert set(told[:10]) == {401}
    assert told[-1] == 429
    with akeso.client() as client:
        assert client.get("/api/v1/incidents").status_code == 200
        assert "akeso_access_turned_away_total" in client.get("/metrics").text
    assert "access.key_refused" in akeso.log()


def ended(line: socket.socket, within_s: float, drip: bytes = b"") -> bool:
    """Whether the connection is closed from the other side within that time, though something drips in."""
    line.settimeout(0.5)
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            line.sendall(drip)
            if line.recv(1000) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize("half", [b"", b"POST /add-event HTTP/1.1\r\nHost: x\r\nX-A: ", b"GET / HTT"])
def test_half_a_request_does_not_stay(akeso: Akeso, half: bytes) -> None:
    with socket.create_connection(("127.0.0.1", akeso.port)) as line:
        line.sendall(half)
        assert ended(line, within_s=8)


def test_a_head_that_drips_does_not_stay(akeso: Akeso) -> None:
    with socket.create_connection(("127.0.0.1", akeso.port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
        assert ended(line, within_s=8, drip=b"a")


def test_a_body_that_drips_does_not_stay(akeso: Akeso) -> None:
    head = b"POST /add-event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
    with socket.create_connection(("127.0.0.1", akeso.port)) as line:
        line.sendall(head + f"X-API-Key: {akeso.key}\r\n\r\n".encode())
        assert ended(line, within_s=10, drip=b" ")


def test_a_thousand_half_sent_requests_keep_nobody_out(akeso: Akeso) -> None:
    with ExitStack() as lines:
        for number in range(400):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", akeso.port)))
            line.sendall(b"POST /add-event HTTP/1.1\r\nHost: x\r\nX-" + str(number).encode())
        began = time.monotonic()
        with akeso.client() as client:
            assert client.get("/health").status_code == 200
            assert client.post("/api/v1/effects/suspend", json={"reason": "flood"}).status_code == 200
            assert client.post("/api/v1/effects/resume").status_code == 200
        assert time.monotonic() - began < 3
    eventually(akeso.ready, "it goes on")


def test_faces_cannot_be_framed_sniffed_or_kept(akeso: Akeso) -> None:
    with akeso.client() as client:
        for path in ("/", "/docs", "/health", "/api/v1/incidents", "/nowhere"):
            headers = client.get(path).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        assert "http" not in client.get("/docs").text.replace("http-equiv", "")
