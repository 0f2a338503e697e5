"""Who makes Akeso believe something could make it act: what it believes has to have an author who may say it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.testing.servers.past import write_calm_past
from akeso.testing.servers.running import Akeso, Target, eventually, free_port, repeating

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(150)]

SERVICES = ("shop", "cart")
QUICK = ("trust=auto", "dry_run=false", "features.slot=0.5", "features.lateness=0.5")


@contextmanager
def telling(client: httpx.Client, ill: set[str]) -> Iterator[None]:
    """Every service is told of ten times a second."""

    def tell() -> None:
        for name in SERVICES:
            latency, errors = (700, 0.5) if name in ill else (20, 0.0)
            client.post("/add-event", json={"component": name, "latency": latency, "error_rate": errors})

    with client, repeating(tell):
        yield


def opened(folder: Path, target: Target, *settings: str) -> Akeso:
    bound = "".join(f"  {n}: {{bindings: {{webhook: {target.binding(n)}}}}}\n" for n in SERVICES)
    akeso = Akeso(folder, *QUICK, *settings, services=f"services:\n{bound}")
    write_calm_past(akeso.data, SERVICES, 12.0)
    return akeso


def asked(akeso: Akeso) -> list[dict[str, Any]]:
    """What waits for a person."""
    with akeso.client() as client:
        return list(client.get("/api/v1/approvals/pending").json()["approvals"])


def nothing_was_done(akeso: Akeso, target: Target, reason: str) -> None:
    """A person was asked, for this reason, and nothing was done."""
    (waiting, *_) = eventually(lambda: asked(akeso), "a person is asked", 60)
    time.sleep(3)  # whatever would run by itself would have run by now
    assert not target.calls
    with akeso.client() as client:
        entries = client.get(f"/api/v1/incidents/{waiting['incident']}/timeline").json()["entries"]
    assert any(reason in str(entry) for entry in entries), entries


def test_telemetry_without_a_key_opens_an_incident_and_never_acts(tmp_path: Path) -> None:
    ill: set[str] = {"cart"}
    target, port = Target(), free_port()
    akeso = opened(tmp_path, target, f"access.anonymous_port={port}")
    nameless = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False)
    with target.open(), akeso.running(), telling(nameless, ill):
        nothing_was_done(akeso, target, "senders without a key spoke of cart")


def test_telemetry_of_a_sender_that_may_not_speak_for_the_service_never_acts(tmp_path: Path) -> None:
    ill: set[str] = set()
    target = Target()
    akeso = opened(tmp_path, target)
    with target.open(), akeso.running():
        stranger = akeso.client(akeso.new_key("stranger", "ingest", speaks_for=("other-*",)))
        looking = akeso.client(akeso.new_key("looking", "operator"))
        for client, name in ((stranger, "stranger"), (looking, "looking")):
            with telling(client, ill):
                ill.add("cart")
                nothing_was_done(akeso, target, f"{name} may not speak")
            break  # one incident is enough for both: what the second says joins it
        looking.close()


def test_a_person_may_take_it_upon_themselves(tmp_path: Path) -> None:
    ill: set[str] = {"cart"}
    target, port = Target(ill.discard), free_port()
    akeso = opened(tmp_path, target, f"access.anonymous_port={port}")
    nameless = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False)
    with target.open(), akeso.running(), telling(nameless, ill):
        (waiting, *_) = eventually(lambda: asked(akeso), "a person is asked", 60)
        with akeso.client() as client:
            assert client.post(f"/api/v1/actions/{waiting['id']}/execute", json={}).status_code == 202
        eventually(lambda: target.calls, "it is done")


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Akeso, str]]:
    """An Akeso with a socket for senders without a key."""
    folder = tmp_path_factory.mktemp("nameless")
    socket = str(folder / "s")
    with Akeso(folder, f"access.anonymous_socket={socket}").running() as akeso:
        yield akeso, socket


def through(socket: str, **headers: str) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=socket)
    return httpx.Client(transport=transport, base_url="http://localhost", headers=headers)


EVENT = {"component": "cart", "latency": 1, "error_rate": 0}


def test_a_browser_is_not_let_in_without_a_key(nameless: tuple[Akeso, str]) -> None:
    akeso, socket = nameless
    with through(socket, Origin="http://localhost") as page:
        assert page.post("/add-event", json=EVENT).status_code == 403
    with through(socket) as sender:
        assert sender.post("/add-event", json=EVENT).status_code == 200
    assert "keyless_listener.open" in akeso.log()


def test_nothing_else_stands_behind_the_door(nameless: tuple[Akeso, str]) -> None:
    _, socket = nameless
    with through(socket) as sender:
        for path in ("/", "/docs", "/metrics", "/api/v1/incidents", "/api/v1/audit", "/openapi.json"):
            assert sender.get(path).status_code == 404
        assert sender.post("/api/v1/effects/suspend", json={}).status_code == 404


def test_a_proxy_in_front_shuts_the_door_for_good(nameless: tuple[Akeso, str]) -> None:
    akeso, socket = nameless
    with through(socket, **{"X-Forwarded-For": "192.0.2.7"}) as proxied:
        refused = proxied.post("/add-event", json=EVENT)
        assert (refused.status_code, "x-forwarded-for" in refused.text) == (403, True)
    with through(socket) as sender:
        assert sender.post("/add-event", json=EVENT).status_code == 403
    assert "keyless_listener.shut" in akeso.log()


@pytest.mark.parametrize("host", ["example.com", "akeso.example.com:80", "127.0.0.1.example.com"])
def test_another_host_name_shuts_it_as_well(tmp_path: Path, host: str) -> None:
    port = free_port()
    with Akeso(tmp_path, f"access.anonymous_port={port}").running():
        where = {"base_url": f"http://127.0.0.1:{port}", "trust_env": False, "verify": False}
        with httpx.Client(**where) as sender:  # type: ignore[arg-type]
            assert sender.post("/add-event", json=EVENT).status_code == 200
            assert sender.post("/add-event", json=EVENT, headers={"Host": host}).status_code == 403
            assert sender.post("/add-event", json=EVENT).status_code == 403
