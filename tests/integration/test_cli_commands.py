"""Every command that talks to a running Akeso or reads what it left, run as people run it."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from akeso.testing.servers.running import ENVIRONMENT, Akeso, Target, eventually, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

SOON = (
    "healing.agent.advance.initial_delay=0.2",
    "healing.agent.advance.recheck_interval=0.2",
    "healing.agent.worker.poll=0.1",
)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target().open() as target:
        yield target


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Iterator[Akeso]:
    names = ("checkout", "cart")
    text = "services:\n" + "".join(f"  {n}:\n    bindings: {{webhook: {target.binding(n)}}}\n" for n in names)
    with Akeso(tmp_path_factory.mktemp("cli"), *SOON, services=text).running() as akeso:
        yield akeso


def run(akeso: Akeso, *arguments: str, code: int = 0) -> str:
    """What a command that talks to Akeso says, on both channels."""
    ended, out, err = run_akeso(akeso.folder, *arguments, "--url", akeso.url, "--data", str(akeso.data))
    assert ended == code, out + err
    assert "Traceback" not in err
    return out + err


def new_incident(akeso: Akeso, service: str) -> str:
    with akeso.client() as client:
        created = client.post("/api/v1/incidents", json={"service": service, "title": "nobody can [pay]"})
        return str(created.json()["id"])


def waiting_action(akeso: Akeso, incident: str) -> str:
    def look() -> Any:
        found = re.search(rf"{incident}-p\d+-o\d+-s\d+", run(akeso, "pending"))
        return found and found[0]

    return str(eventually(look, "an action waits"))


def test_an_incident_is_listed_shown_approved_and_healed_from_the_terminal(akeso: Akeso, target: Target) -> None:
    assert "No incidents." in run(akeso, "incidents")
    assert "Nothing waits" in run(akeso, "pending")
    incident = new_incident(akeso, "checkout")
    action = waiting_action(akeso, incident)
    assert incident in run(akeso, "incidents")
    (listed,) = json.loads(run(akeso, "incidents", "--json", "--status", "pending_approval"))
    assert listed["id"] == incident
    assert "(dry run)" in run(akeso, "approve", action)
    assert "call_webhook on checkout" in run(akeso, "approve", action, "--execute", "--comment", "go")
    eventually(lambda: target.calls, "the effect takes place")
    eventually(lambda: "applied:" in run(akeso, "show", incident), "the story tells of it")
    story = run(akeso, "show", incident)
    assert "nobody can [pay]" in story
    assert "cause: checkout" in story
    assert "a person reported" in story
    assert "approved by admin" in story
    shown = json.loads(run(akeso, "show", incident, "--json"))
    assert shown["timeline"][0]["kind"] == "IncidentDetected"
    assert "waits for nobody" in run(akeso, "approve", action, code=2)


def test_an_action_can_be_rejected(akeso: Akeso, target: Target) -> None:
    action = waiting_action(akeso, new_incident(akeso, "cart"))
    assert "rejected" in run(akeso, "reject", action, "--reason", "not now")
    assert not [key for key in target.calls if key.startswith(action)]


def test_effects_are_suspended_and_resumed(akeso: Akeso) -> None:
    assert "suspended" in run(akeso, "suspend", "--reason", "storm")
    assert "allowed again" in run(akeso, "resume")


def test_what_is_not_there_ends_with_a_line_and_code_2(akeso: Akeso) -> None:
    assert "there is no incident inc-none" in run(akeso, "show", "inc-none", code=2)
    assert "there is no action none" in run(akeso, "approve", "none", code=2)
    assert "status" in run(akeso, "incidents", "--status", "happy", code=2)
    ended, _, err = run_akeso(akeso.folder, "incidents", "--url", akeso.url, "--key", "ak_wrong")
    assert (ended, "a valid API key is needed" in err) == (2, True)
    ended, _, err = run_akeso(akeso.folder, "incidents", "--url", "http://127.0.0.1:9")
    assert (ended, "does not answer" in err) == (2, True)


def test_keys_are_made_used_and_taken_away(akeso: Akeso) -> None:
    key = akeso.new_key("ann", "viewer")
    with akeso.client(key) as client:
        assert client.get("/api/v1/incidents").status_code == 200
        _, out, _ = run_akeso(akeso.folder, "keys", "list", "--data", str(akeso.data))
        assert "ann" in out
        assert key not in out
        assert run_akeso(akeso.folder, "keys", "remove", "ann", "--data", str(akeso.data))[0] == 0
        assert client.get("/api/v1/incidents").status_code == 401
    for refused in (("remove", "ann"), ("add", "bob", "--role", "king"), ("add", "admin")):
        ended, _, err = run_akeso(akeso.folder, "keys", *refused, "--data", str(akeso.data))
        assert (ended, err.startswith("akeso: ")) == (2, True)


def test_the_journal_is_read_and_verified_while_akeso_runs(akeso: Akeso) -> None:
    data = ("--data", str(akeso.data))
    new_incident(akeso, "elsewhere")
    ended, out, _ = run_akeso(akeso.folder, "audit", "log", *data)
    lines = [json.loads(line) for line in out.splitlines()]
    assert (ended, [e["sequence"] for e in lines]) == (0, list(range(1, len(lines) + 1)))
    ended, out, _ = run_akeso(akeso.folder, "audit", "log", *data, "--after", "1")
    assert json.loads(out.splitlines()[0])["sequence"] == 2
    ended, out, _ = run_akeso(akeso.folder, "audit", "verify", *data)
    assert ended == 0
    assert re.search(r"holds over \d+ events", out)


def test_a_journal_that_is_not_there_does_not_hold(tmp_path: Path) -> None:
    ended, out, err = run_akeso(tmp_path, "audit", "verify", "--data", "nowhere")
    assert (ended, out, "there is no journal" in err) == (2, "", True)
    assert not (tmp_path / "nowhere").exists()


def test_a_changed_line_of_the_journal_is_named(tmp_path: Path) -> None:
    akeso = Akeso(tmp_path)
    with akeso.running():
        new_incident(akeso, "cart")
        assert akeso.stop() == 0
    with closing(sqlite3.connect(akeso.data / "akeso.db")) as database, database:
        database.execute("UPDATE journal SET payload = replace(payload, 'cart', 'cast') WHERE sequence = 1")
    ended, out, _ = run_akeso(tmp_path, "audit", "verify", "--data", str(akeso.data))
    assert (ended, "journal event 1:" in out) == (1, True)


def test_init_writes_files_that_up_understands_and_touches_none(tmp_path: Path) -> None:
    ended, out, _ = run_akeso(tmp_path, "init")
    assert ended == 0
    assert {"akeso.toml", "services.yaml"} <= {Path(line).name for line in out.splitlines()}
    assert list((tmp_path / "playbooks").glob("*.yaml"))
    assert list((tmp_path / "policies").glob("*.cedar"))
    ended, _, err = run_akeso(tmp_path, "init")
    assert (ended, "exists already" in err) == (2, True)
    ended, out, err = run_akeso(tmp_path, "doctor", "--url", "http://127.0.0.1:9")
    assert ended == 0, out + err
    for line in ("settings", "playbooks: can be read", "policies: can be read", "data folder"):
        assert line in out


def test_doctor_sees_a_running_akeso_and_what_is_broken(akeso: Akeso, tmp_path: Path) -> None:
    assert f"running Akeso: {akeso.url} is ready" in run(akeso, "doctor")
    (tmp_path / "akeso.toml").write_text('services = "services.yaml"\n')
    (tmp_path / "services.yaml").write_text(
        "services: {cart: {bindings: {webhook: {kind: webhook, url: 'http://127.0.0.1:9'}}}}"
    )
    ended, out, _ = run_akeso(tmp_path, "doctor", "--url", akeso.url)
    assert (ended, "127.0.0.1:9 does not answer" in out) == (1, True)
    (tmp_path / "services.yaml").write_text("services: {cart: {teir: 1}}")
    ended, out, _ = run_akeso(tmp_path, "doctor", "--url", akeso.url)
    assert (ended, "services.cart.teir" in out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "trsut=auto"), "trsut"),
        (("--set", "healing.agent.advance.initial_delay=soon"), "healing.agent.advance.initial_delay"),
        (("--set", "trust"), "--set"),
        (("--config", "none.toml"), "none.toml"),
        (("--services", "none.yaml"), "none.yaml"),
        (("--set", "playbooks=none"), "none"),
        (("--set", "detectors.zscore.window=3"), "detectors.zscore"),
        (("--data", "/proc/none"), "/proc/none"),
        (("--host", "192.0.2.1"), "access.behind_proxy"),
        (("--port", "1", "--host", "192.0.2.1", "--set", "access.behind_proxy=true"), "cannot listen"),
    ],
)
def test_up_with_a_wrong_setting_says_so_and_ends(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    # The standard ports may be somebody else's at the moment, which would be a warning before the error.
    ended, out, err = run_akeso(tmp_path, "up", "--set", "otlp_http_port=0", "--set", "grpc_port=0", *arguments)
    assert (ended, out) == (2, "")
    assert err.startswith("akeso: ")
    assert said in err
    assert "Traceback" not in err


def test_a_variable_that_is_misspelt_is_refused(tmp_path: Path) -> None:
    ended, _, err = run_akeso(tmp_path, "up", environment={"AKESO_TRSUT": "auto"})
    assert (ended, "AKESO_TRSUT" in err) == (2, True)


def test_a_second_akeso_on_the_same_port_ends_before_it_touches_anything(akeso: Akeso, tmp_path: Path) -> None:
    ended, _, err = run_akeso(tmp_path, "up", "--data", "second", "--port", str(akeso.port))
    assert (ended, "cannot listen" in err) == (2, True)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_ends_in_order_when_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "akeso", "up", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Akeso is ready: http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == 0


def test_the_help_names_every_command() -> None:
    ended, out, _ = run_akeso(Path.cwd(), "--help")
    assert ended == 0
    for name in ("up", "demo", "lab", "incidents", "show", "approve", "suspend", "audit", "doctor", "init", "keys"):
        assert re.search(rf"\b{name}\b", out), name


def test_people_work_on_an_incident_from_the_terminal(akeso: Akeso) -> None:
    first, second = new_incident(akeso, "checkout"), new_incident(akeso, "cart")
    assert first in run(akeso, "incident", "acknowledge", first, "--comment", "mine")
    run(akeso, "incident", "assign", first, "--to", "bob")
    run(akeso, "incident", "comment", first, "looking at the deploy")
    run(akeso, "incident", "priority", first, "p1")
    run(akeso, "incident", "snooze", first, "--hours", "2")
    run(akeso, "incident", "merge", first, second)
    shown = json.loads(run(akeso, "show", first, "--json"))
    assert (shown["acknowledged_by"], shown["assignee"], shown["priority"]) == ("admin", "bob", "p1")
    assert [c["text"] for c in shown["comments"]] == ["mine", "looking at the deploy"]
    assert shown["merged"] == [second]
    assert json.loads(run(akeso, "show", second, "--json"))["closed"]["duplicate_of"] == first
    assert "CLOSED" in run(akeso, "incident", "close", first, "--reason", "false_alarm")
    run(akeso, "incident", "close", first, "--reason", "known", code=2)
    assert "DETECTED" in run(akeso, "incident", "reopen", first)
    run(akeso, "incident", "close", first, "--reason", "fixed_by_hand")


def test_alerts_and_silences_are_listed(akeso: Akeso) -> None:
    made = run(akeso, "silences", "add", "service=search", "--reason", "index rebuild").split()[0]
    assert made in run(akeso, "silences", "list")
    alert = {
        "status": "firing",
        "labels": {"alertname": "SearchSlow", "service": "search"},
        "startsAt": "2030-01-01T00:00:00Z",
    }
    with akeso.client() as client:
        client.post("/api/v1/alerts/alertmanager", json={"version": "4", "alerts": [alert]})
        unknown = client.get("/api/v1/alerts", params={"servce": "search"})
    assert unknown.status_code == 422
    assert "cursor=" in run(akeso, "incidents", "--limit", "1", "--only", "sort=-updated_at")
    assert "No incidents" in run(akeso, "incidents", "--only", "label=team=nobody", "--only", "label=zone=9")
    listed = eventually(
        lambda: json.loads(run(akeso, "alerts", "--only", "service=search", "--json")), "the alert is listed"
    )
    assert [(a["fate"], a["incident"]) for a in listed] == [("silenced", None)]
    assert made in listed[0]["why"]
    run(akeso, "silences", "lift", made)
    assert "No silences" in run(akeso, "silences", "list")
    assert run(akeso, "rejections", "list")
