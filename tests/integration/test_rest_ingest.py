"""The endpoints for telemetry and the stream of events of a running Akeso, over real sockets."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from akeso.testing.servers.running import Akeso, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

MIB = 2**20
EVENT = {"component": "cart", "latency": 20.0, "error_rate": 0.0}
LINES = b'{"service": "cart", "level": "info", "message": "all is well"}\n'


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    with Akeso(tmp_path_factory.mktemp("ingest")).running() as akeso:
        yield akeso


@pytest.fixture
def sender(akeso: Akeso) -> Iterator[httpx.Client]:
    with akeso.sender() as client:
        yield client


def logs(sender: httpx.Client, body: bytes, encoding: str) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}
    return sender.post("/api/v1/logs", content=body, headers=headers)


def ticket(akeso: Akeso, key: str) -> str:
    """A ticket that opens the stream once."""
    with akeso.client(key) as client:
        return str(client.post("/api/v1/stream/tickets").json()["ticket"])


def test_an_event_is_judged_and_opens_an_incident(akeso: Akeso, sender: httpx.Client) -> None:
    well = sender.post("/add-event", json=EVENT)
    assert (well.status_code, well.json()["event"]["status"]) == (200, "Normal")
    ill = sender.post("/add-event", json=EVENT | {"component": "slowpoke", "latency": 900})
    assert ill.json()["event"]["status"] == "Anomaly"
    with akeso.client() as viewer:

        def opened() -> Any:
            found = viewer.get("/api/v1/incidents").json()["incidents"]
            return [i for i in found if i["service"] == "slowpoke"]

        (incident,) = eventually(opened, "an incident of slowpoke")
        assert incident["alerts"][0]["source"] == "simple_event"


def test_a_stranger_with_a_wrong_key_is_not_let_in(akeso: Akeso) -> None:
    with akeso.client("ak_wrong") as sender:
        assert sender.post("/add-event", json=EVENT).status_code == 401


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_bodies_may_be_compressed(sender: httpx.Client, encoding: str) -> None:
    packed = {"gzip": gzip.compress(LINES * 3), "deflate": zlib.compress(LINES * 3), "identity": LINES * 3}
    taken = logs(sender, packed[encoding], encoding)
    assert (taken.status_code, taken.json()["accepted"]) == (202, 3)


def test_a_body_of_several_gzip_members_is_read_to_its_end(sender: httpx.Client) -> None:
    taken = logs(sender, gzip.compress(LINES) + gzip.compress(LINES), "gzip")
    assert taken.json()["accepted"] == 2


def test_bombs_and_giants_are_refused(sender: httpx.Client) -> None:
    bomb = gzip.compress(b"\0" * (21 * MIB))
    assert len(bomb) < MIB
    for body, encoding in (
        (bomb, "gzip"),
        (zlib.compress(b"\0" * (21 * MIB)), "deflate"),
        (b"\0" * (20 * MIB + 1), ""),
    ):
        refused = logs(sender, body, encoding)
        assert refused.status_code == 413, refused.text
        assert refused.json()["field"] == "body"
    halves = gzip.compress(b"\0" * (11 * MIB))
    assert logs(sender, halves + halves, "gzip").status_code == 413


def test_what_cannot_be_unpacked_is_refused(sender: httpx.Client) -> None:
    assert logs(sender, gzip.compress(LINES)[:-4], "gzip").status_code == 422
    assert logs(sender, LINES, "gzip").status_code == 422
    strange = logs(sender, LINES, "br")
    assert strange.status_code == 415
    assert strange.json()["field"] == "content-encoding"


def test_a_refusal_is_told_in_the_senders_own_protocol(sender: httpx.Client) -> None:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "br"}
    refused = sender.post("/v1/metrics", content=b"x", headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (415, "application/x-protobuf")


def test_a_sender_that_hangs_up_in_the_middle_leaves_no_trace(akeso: Akeso, sender: httpx.Client) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", akeso.port)) as half:
            half.sendall(b"POST /add-event HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert sender.post("/add-event", json=EVENT).status_code == 200
    assert "Traceback" not in akeso.log()


def test_while_it_starts_senders_are_told_to_come_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    akeso = Akeso(tmp_path_factory.mktemp("starting"))
    with akeso.running(), akeso.sender() as sender:
        # A hot window to read makes the start last a little.
        for n in range(40):
            batch = b"".join(
                json.dumps({"service": f"s{i}", "level": "info", "message": f"line {n}"}).encode() + b"\n"
                for i in range(500)
            )
            assert logs(sender, batch, "identity").status_code == 202
        akeso.kill()
        akeso.start(wait=False)
        answers = []

        def send() -> bool:
            try:
                answer = sender.post("/add-event", json=EVENT)
            except httpx.ConnectError:
                return False
            answers.append(answer)
            return answer.status_code == 200

        eventually(send, "an event is taken", every_s=0.002)
        assert {a.status_code for a in answers} <= {200, 503}
        assert all(int(a.headers["Retry-After"]) >= 1 for a in answers if a.status_code == 503)


def test_events_are_streamed_to_those_who_may_read(akeso: Akeso) -> None:
    address = f"ws://127.0.0.1:{akeso.port}/api/v1/stream"
    viewer, stranger = akeso.new_key("watcher", "viewer"), akeso.new_key("neighbour", "viewer", "elsewhere")
    with (
        akeso.client() as admin,
        connect(f"{address}?ticket={ticket(akeso, viewer)}") as stream,
        connect(address, additional_headers={"X-API-Key": stranger}) as other,
    ):
        stream.send(b"what a reader says is of no interest")
        created = admin.post("/api/v1/incidents", json={"service": "cart", "title": "<b>slow</b>"}).json()
        seen: list[Any] = []
        while not any(m["incident"]["id"] == created["id"] for m in seen):
            seen.append(json.loads(stream.recv(10)))
        assert seen[-1]["entry"]["kind"] == "IncidentDetected"
        assert seen[-1]["incident"]["title"] == "<b>slow</b>"
        with pytest.raises(TimeoutError):
            other.recv(0.5)
    assert "Traceback" not in akeso.log()


@pytest.mark.parametrize("key", ["", "ak_wrong"])
def test_the_stream_is_closed_to_bad_keys(akeso: Akeso, key: str) -> None:
    with connect(f"ws://127.0.0.1:{akeso.port}/api/v1/stream", additional_headers={"X-API-Key": key}) as stream:
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_the_stream_is_closed_to_those_who_may_only_send(akeso: Akeso) -> None:
    key = akeso.new_key("shipper", "ingest")
    with (
        connect(f"ws://127.0.0.1:{akeso.port}/api/v1/stream", additional_headers={"X-API-Key": key}) as stream,
        pytest.raises(ConnectionClosed),
    ):
        stream.recv(10)
