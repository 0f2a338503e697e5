"""Every listener, with the wrong key, without one, or in the name of another tenant: refused, and no trace is left."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from akeso.adapters.telemetry.recording import Stretch, open_recording, stored_batches
from akeso.domain.telemetry.series import SeriesTable
from akeso.faces.grpc.server import PATHS
from akeso.plugins.discovery import build
from akeso.ports.source import Source
from akeso.testing.requests.valid_requests import PROTOBUF, examples
from akeso.testing.servers.running import Akeso, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SOURCES: dict[str, Source] = build("sources")
LISTENERS = [(path, kind, body) for name, kind, body in examples() for path in SOURCES[name].paths]
OTLP = [(f"/{service}/Export", body) for service, path in PATHS.items() for at, kind, body in LISTENERS
        if at == path and kind == PROTOBUF]  # fmt: skip
each_listener = pytest.mark.parametrize(
    ("path", "kind", "body"), LISTENERS, ids=[f"{p}-{k.split('/')[1][:12]}" for p, k, _ in LISTENERS]
)
each_call = pytest.mark.parametrize(("call", "body"), OTLP, ids=[call.rsplit(".", 1)[1] for call, _ in OTLP])


@dataclass
class House:
    """An Akeso of two tenants besides its own. taken: requests that were taken in, all of tenant `ours`."""

    akeso: Akeso
    grpc_port: int
    key: str
    looks: dict[str, str]
    taken: int = 0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    port = free_port()
    akeso = Akeso(tmp_path_factory.mktemp("house"), f"grpc_port={port}", "access.refused_keys.most=100000")
    with akeso.running():
        looks = {
            tenant: akeso.new_key(f"looks at {tenant}", "viewer", tenant) for tenant in ("ours", "theirs", "default")
        }
        yield House(akeso, port, akeso.new_key("sender", "ingest", "ours"), looks)


def post(house: House, path: str, kind: str, body: bytes, **headers: str) -> httpx.Response:
    plain = {"Content-Type": kind, "Content-Encoding": "identity"}
    return httpx.post(f"{house.akeso.url}{path}", content=body, headers=plain | headers, trust_env=False, verify=False)


@each_listener
def test_a_stranger_is_refused_at_every_door(house: House, path: str, kind: str, body: bytes) -> None:
    # Plain text without a key is what a form of a foreign page can send: it is refused for what it is.
    assert post(house, path, kind, body).status_code == (415 if kind == "text/plain" else 401)
    assert post(house, path, kind, body, **{"X-API-Key": "nobody's"}).status_code == 401
    assert post(house, path, kind, body, Authorization="Bearer nobody's").status_code == 401


@each_listener
def test_nobody_sends_in_the_name_of_another_tenant(house: House, path: str, kind: str, body: bytes) -> None:
    named = {"X-API-Key": house.key, "X-Scope-OrgID": "theirs"}
    answer = post(house, path, kind, body, **named)
    assert (answer.status_code, "theirs" in answer.text or path.startswith("/v1/")) == (403, True)


@each_listener
def test_the_right_key_is_let_in(house: House, path: str, kind: str, body: bytes) -> None:
    answer = post(house, path, kind, body, **{"X-API-Key": house.key, "X-Scope-OrgID": "ours"})
    assert answer.is_success, answer.text
    house.taken += 1


@each_call
def test_grpc_refuses_and_lets_in_alike(house: House, call: str, body: bytes) -> None:
    def told(*metadata: tuple[str, str]) -> grpc.StatusCode | None:
        with grpc.insecure_channel(f"127.0.0.1:{house.grpc_port}") as channel:
            export: Callable[..., bytes] = channel.unary_unary(call)
            try:
                export(body, metadata=metadata, timeout=10)
            except grpc.RpcError as error:
                return error.code()
        return None

    assert told() is grpc.StatusCode.UNAUTHENTICATED
    assert told(("x-api-key", "nobody's")) is grpc.StatusCode.UNAUTHENTICATED
    assert told(("x-api-key", house.key), ("x-scope-orgid", "theirs")) is grpc.StatusCode.PERMISSION_DENIED
    assert told(("x-api-key", house.key)) is None
    house.taken += 1


def test_no_trace_is_left_with_others(house: House) -> None:
    assert house.taken == len(LISTENERS) + len(OTLP)
    assert asyncio.run(batches_of(house.akeso.data / "telemetry.db")).keys() == {"ours"}
    for tenant in ("theirs", "default"):
        with house.akeso.client(house.looks[tenant]) as client:
            assert client.get("/api/v1/incidents").json()["incidents"] == []
            assert client.get("/api/v1/topology").json() == {"services": [], "edges": []}
            assert client.get("/api/v1/telemetry/metrics").json()["series"] == []
            assert client.get("/api/v1/telemetry/logs").json()["templates"] == []
            assert client.get("/api/v1/telemetry/spans").json()["groups"] == []
            assert client.get("/api/v1/statistics").json()["incidents"] == {}
    with house.akeso.client(house.looks["ours"]) as client:
        assert client.get("/api/v1/telemetry/metrics?start=2020-01-01&step=86400").json()["series"] != []


async def batches_of(database: Path) -> Counter[str]:
    """Tenant → batches."""
    reader = open_recording(database)
    return Counter([batch.tenant async for _, batch in stored_batches(reader, SeriesTable(), Stretch())])
