"""Another tenant, an operator with a grudge, a second process, and those who read over one's shoulder."""

import json
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from akeso.testing.servers.running import Akeso, eventually, free_port, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(150)]

SECRET = "https://hooks.example.com/services/T0AAAAAAA/B0AAAAAAA/aB3dE5gH7jK9mN1pQ3sT5vW7?token=hunter2"


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    services = f'services: {{cart: {{bindings: {{webhook: {{kind: webhook, url: "{SECRET}"}}}}}}}}\n'
    akeso = Akeso(tmp_path_factory.mktemp("tenants"), "trust=approve", services=services)
    with akeso.running():
        yield akeso


OF_ALL = [
    ("GET", "audit"), ("GET", "models"), ("GET", "models/compare"), ("GET", "models/1"), ("GET", "pipeline"),
    ("POST", "models"), ("POST", "models/retrain"), ("POST", "models/rollback"), ("POST", "models/1/promote"),
    ("POST", "models/none/challenge"), ("POST", "pipeline/safe-mode"), ("POST", "effects/suspend"),
    ("POST", "effects/resume"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), OF_ALL, ids=[f"{m} {p}" for m, p in OF_ALL])
def test_what_concerns_all_tenants_is_closed_to_each_but_the_installations_own(
    akeso: Akeso, method: str, path: str
) -> None:
    key = akeso.new_key(f"{method} {path}", "admin", "elsewhere")
    body = {"on": True} if path.endswith("safe-mode") else {}
    with akeso.client(key) as stranger:
        answer = stranger.request(method, f"/api/v1/{path}", json=body if method == "POST" else None)
    assert answer.status_code == 403, answer.text
    with akeso.client() as own:
        assert own.get("/health").json()["suspended"] is False


def test_the_labels_of_one_person_move_no_model(akeso: Akeso) -> None:
    def accuracy(labels: list[dict[str, object]], *people: str) -> object:
        for person in people:
            with akeso.client(person) as client:
                assert client.post("/api/v1/feedback", json={"labels": labels}).status_code == 202
        with akeso.client() as viewer:
            return viewer.get("/api/v1/pipeline").json()["accuracy"]

    begin = datetime.now(UTC) - timedelta(minutes=400)
    wrong = [
        {"service": "cart", "anomalous": True, "predicted": False, "at": (begin + timedelta(minutes=m)).isoformat()}
        for m in range(300)
    ]
    ann, bob = akeso.new_key("ann", "operator"), akeso.new_key("bob", "operator")
    assert accuracy(wrong, ann, ann) is None
    accuracy(wrong[:1], bob)


def test_giant_alerts_are_cut_before_they_are_kept(akeso: Akeso) -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Giant", "service": "giant", **{f"l{n}": "x" * 2_000 for n in range(500)}},
        "annotations": {"summary": "s" * 1_000_000, "description": "d" * 1_000_000},
        "startsAt": datetime.now(UTC).isoformat(),
    }
    body = {"version": "4", "status": "firing", "receiver": "r", "alerts": [alert]}
    with akeso.sender() as sender:
        assert sender.post("/api/v1/alerts/alertmanager", json=body).is_success
    found = eventually(lambda: [i for i in akeso.incidents() if i["service"] == "giant"], "an incident")
    assert len(json.dumps(found)) < 200_000
    assert sum(file.stat().st_size for file in akeso.data.glob("akeso.db*")) < 5_000_000


def test_secrets_of_an_address_are_shown_to_nobody(akeso: Akeso) -> None:
    with akeso.client() as client:
        made = client.post("/api/v1/incidents", json={"service": "cart", "title": "slow"}).json()
        eventually(lambda: "hooks.example.com" in client.get(f"/api/v1/incidents/{made['id']}").text, "a preview")
        told = client.get(f"/api/v1/incidents/{made['id']}/timeline").text + client.get("/api/v1/audit").text
    for secret in ("hunter2", "aB3dE5gH7jK9mN1pQ3sT5vW7"):
        assert secret not in told
        assert secret not in akeso.log()
        assert secret.encode() not in b"".join(file.read_bytes() for file in akeso.data.glob("akeso.db*"))


def test_nothing_in_the_data_folder_is_for_others_to_read(akeso: Akeso) -> None:
    assert stat.S_IMODE(akeso.data.stat().st_mode) == 0o700
    for name in ("akeso.db", "telemetry.db", "keys.json", "admin.key", "ingest.key", "running.lock"):
        assert stat.S_IMODE((akeso.data / name).stat().st_mode) == 0o600, name


def test_a_second_akeso_on_the_same_folder_does_not_start(akeso: Akeso) -> None:
    code, _, said = run_akeso(
        akeso.folder, "up", "--data", str(akeso.data), "--port", str(free_port()),
        "--set", "grpc_port=0", "--set", "otlp_http_port=0",
    )  # fmt: skip
    assert (code != 0, "in use by another Akeso" in said) == (True, True)
    assert akeso.ready()


def test_other_machines_are_not_listened_to_in_the_clear(tmp_path: Path) -> None:
    code, _, said = run_akeso(tmp_path, "up", "--data", str(tmp_path / "data"), "--host", "0.0.0.0")
    assert (code != 0, "access.behind_proxy" in said) == (True, True)


def test_akeso_does_tls_itself(tmp_path: Path) -> None:
    made = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost")
    files = ("-keyout", str(tmp_path / "k.pem"), "-out", str(tmp_path / "c.pem"))
    subprocess.run(["openssl", "req", *made, *files], check=True, capture_output=True)
    settings = (f"access.tls_certificate={tmp_path / 'c.pem'}", f"access.tls_key={tmp_path / 'k.pem'}")
    akeso = Akeso(tmp_path / "akeso", *settings)
    akeso.url = akeso.url.replace("http:", "https:")
    with akeso.running():
        assert akeso.ready()
        with pytest.raises(httpx.HTTPError):
            httpx.get(akeso.url.replace("https:", "http:"), trust_env=False, timeout=5)
