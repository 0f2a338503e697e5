"""kill -9 of Akeso at random moments of the healing, for real and often: afterwards nothing is lost, doubled or open.

CRASH_SEED draws other moments.
"""

import asyncio
import json
import os
import random
import re
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.servers.running import Akeso, Target, eventually, run_akeso

pytestmark = pytest.mark.xdist_group("fifty kills")

SEED = int(os.environ.get("CRASH_SEED", "1"))
WARDS, KILLS, A_ROUND = 2, 25, 9
# One service heals by itself, one when a person agrees, and of one the effect does not help and is taken back.
AUTOMATIC, ASKED, STUBBORN = "shop", "ledger", "mill"
SERVICES = (AUTOMATIC, ASKED, STUBBORN)
CALM_EVENTS = 120  # of eight a second and service
SETTLES_S = 0.5
ONSET_WITHIN_S = 1.0  # an onset is known to the slot of half a second, and a kill may cut the first one short
EVERY_S = 0.12
TERMINAL = {"RESOLVED", "CLOSED", "ESCALATED", "FAILED", "SUPPRESSED"}
# A life is so many entries of the healing long, at most; where nothing more is written it ends after so many seconds.
A_LIFE, AT_A_STAND_S = 6, 6.0
PLAYBOOK = """
playbooks:
  - name: call-webhook
    when: {fault_classes: {any: 0.6}}
    steps: [{action: call_webhook, target: root_cause, binding: webhook}]
    undo: automatic
    verification: {within_seconds: 5}
    risk: low
"""
QUICK = (
    "trust=auto", "dry_run=false", "playbooks=playbooks", "actions.call_webhook.reversible=true",
    "features.slot=0.5", "features.lateness=0.3", "ingestion.hot_window=60",
    "healing.agent.advance.initial_delay=0.3", "healing.agent.advance.recheck_interval=0.2",
    "healing.agent.advance.look_after=0.3",
    "healing.agent.advance.unknown_timeout=8", "healing.agent.worker.poll=0.1", "healing.agent.retry=0.5",
    "healing.gate.within=30",
    f"healing.agent.correlate.settles_for={SETTLES_S}",
    *(f"healing.guards.{name}" for name in ("cool_down=0", "budget=10000", "repeats=10000", "recurrences=10000")),
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """An event that was acknowledged. at: ns."""

    service: str
    at: int
    ill: bool


@dataclass
class Ward:
    """One Akeso that is killed again and again, its services, their senders, and a person who approves."""

    folder: Path
    random: random.Random
    ill: set[str] = field(default_factory=set)
    events: list[Sent] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    approvals: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    turns: list[str] = field(default_factory=list)
    kills: int = 0
    healing_kills: int = 0  # of them while one of the services was being healed
    killed_at: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.target = Target(self._effect)
        self.target.delay_s = self._effect_takes
        bound = "".join(
            f"  {name}:\n    trust: {'approve' if name == ASKED else 'auto'}\n"
            f"    bindings:\n      webhook: {self.target.binding(name)}\n"
            for name in SERVICES
        )
        self.akeso = Akeso(self.folder, *QUICK, services=f"services:\n{bound}")
        (self.folder / "playbooks").mkdir()
        (self.folder / "playbooks" / "own.yaml").write_text(PLAYBOOK)

    def live(self) -> None:
        """Always some service is ill, and Akeso is killed while it heals; now and then it is let finish."""
        with self.target.open(), self.akeso.running(), self._senders():
            eventually(lambda: len(self.events) > CALM_EVENTS, "enough that is normal", 60)
            while self.healing_kills < KILLS:
                for _ in range(A_ROUND):
                    self._kill_once()
                    self.akeso.start()
                    self._alert(f"alert-{self.kills}")
                eventually(self._quiet, "every incident ends", 90)
                self.ill.clear()
            # What was taken in before this alert, of services that were still ill, leads to no incident after its own.
            self._alert("the-last")
            eventually(self._quiet, "the last incident ends", 90)
            assert self.akeso.stop() == 0

    def incidents(self) -> list[Any]:
        with self.akeso.client() as client:
            found = client.get("/api/v1/incidents", params={"limit": 1000}).json()["incidents"]
        assert isinstance(found, list)
        return found

    def journal(self) -> list[Any]:
        code, out, err = run_akeso(self.folder, "audit", "log", "--data", str(self.akeso.data))
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    def verified(self) -> tuple[int, str]:
        code, out, _ = run_akeso(self.folder, "audit", "verify", "--data", str(self.akeso.data))
        return code, out

    async def stored(self) -> set[tuple[str, int]]:
        """Service and time (ns) of everything in the telemetry store."""
        table = SeriesTable()
        store = SqliteTelemetryStore(self.akeso.data / "telemetry.db", table)
        found: set[tuple[str, int]] = set()
        try:
            async for _, batch in store.replay(table):
                named = (table.keys[i].service for i in batch.metrics.series)
                found |= set(zip(named, map(int, batch.metrics.time), strict=True))
        finally:
            await store.close()
        return found

    def _kill_once(self) -> None:
        if not self.ill:
            self.turns = self.turns or self.random.sample(SERVICES, len(SERVICES))
            self.ill.add(self.turns.pop())
        self.arrived.clear()
        if self.random.random() < 0.5:
            # While an effect is under way, when there is one.
            self.arrived.wait(1.0)
        else:
            written = self._written() + self.random.randint(1, A_LIFE)
            with suppress(AssertionError):
                eventually(lambda: self._written() >= written, "more of the healing", AT_A_STAND_S, 0.02)
        time.sleep(self.random.uniform(0, 0.08))
        assert not self.akeso.ended(), self.akeso.log()[-2000:]
        self.akeso.kill()
        self.kills += 1
        open_ones = f"SELECT status FROM incidents WHERE open AND service IN {SERVICES}"
        struck = {str(status) for (status,) in self._read(open_ones)} - TERMINAL
        self.healing_kills += bool(struck)
        self.killed_at.update(struck)

    def _written(self) -> int:
        ours = f"SELECT id FROM incidents WHERE service IN {SERVICES}"
        return int(self._read(f"SELECT count(*) FROM journal WHERE incident IN ({ours})")[0][0])

    def _read(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.akeso.data / "akeso.db")) as database:
            return database.execute(query).fetchall()

    def _effect(self, path: str) -> None:
        if path != STUBBORN:
            self.ill.discard(path)

    def _effect_takes(self) -> float:
        self.arrived.set()
        return self.random.uniform(0, 0.08)

    def _quiet(self) -> bool:
        # Everything is over, also what the alerts that were taken in led to.
        found = self.incidents()
        over = {i["service"] for i in found if i["status"] in TERMINAL}
        left = any(i["status"] == "ESCALATED" and i["service"] in SERVICES for i in found)
        told = {f"far-{name}" for name in self.alerts} <= over
        return told and not left and all(i["status"] in TERMINAL for i in found)

    @contextmanager
    def _senders(self) -> Iterator[None]:
        senders = [threading.Thread(target=self._send, args=(s,)) for s in SERVICES]
        senders.append(threading.Thread(target=self._person))
        for sender in senders:
            sender.start()
        try:
            yield
        finally:
            self.over.set()
            for sender in senders:
                sender.join()

    def _send(self, service: str) -> None:
        with self.akeso.sender() as client:
            while not self.over.wait(EVERY_S):
                at, ill = datetime.now(UTC), service in self.ill
                body = {"component": service, "latency": 600 if ill else 20, "error_rate": 0.0}
                body["timestamp"] = at.isoformat()
                if self._acknowledged(client, "/add-event", body):
                    self.events.append(Sent(service, _ns(at), ill))

    def _alert(self, name: str) -> None:
        alert = {"status": "firing", "labels": {"service": f"far-{name}", "severity": "critical"},
                 "startsAt": datetime.now(UTC).isoformat(), "fingerprint": name}  # fmt: skip
        with self.akeso.sender() as client:
            if self._acknowledged(client, "/api/v1/alerts/alertmanager", {"version": "4", "alerts": [alert]}):
                self.alerts.append(name)

    def _acknowledged(self, client: httpx.Client, path: str, body: Any) -> bool:
        """Sends until it is taken; False when that was not to be before the end."""
        while not self.over.is_set():
            try:
                answer = client.post(path, json=body)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.is_success:
                return True
            assert answer.status_code == 503, answer.text
            time.sleep(0.05)
        return False

    def _person(self) -> None:
        with self.akeso.client() as client:
            while not self.over.wait(0.1):
                with suppress(httpx.TransportError):
                    self._approve(client)
                    self._heal(client)

    def _approve(self, client: httpx.Client) -> None:
        for action in client.get("/api/v1/approvals/pending").raise_for_status().json()["approvals"]:
            answer = client.post(f"/api/v1/actions/{action['id']}/execute", json={})
            if answer.is_success:
                self.approvals.append(action["id"])

    def _heal(self, client: httpx.Client) -> None:
        """What Akeso could not heal: the person heals it and says so."""
        found = client.get("/api/v1/incidents", params={"status": "ESCALATED"}).raise_for_status().json()["incidents"]
        for incident in (i for i in found if i["service"] in SERVICES):
            self.ill.discard(incident["service"])
            client.post(f"/api/v1/incidents/{incident['id']}/close", json={"reason": "fixed_by_hand"})


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


def _time(text: str) -> int:
    return _ns(datetime.fromisoformat(text))


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(900)  # three minutes on two idle cores
def test_fifty_kills_lose_nothing_double_nothing_and_leave_nothing_open(tmp_path: Path) -> None:
    wards = [Ward(tmp_path / str(n), random.Random(SEED * 100 + n)) for n in range(WARDS)]
    with ThreadPoolExecutor(WARDS) as pool:
        for living in [pool.submit(ward.live) for ward in wards]:
            living.result()
    killed_at = sum((ward.killed_at for ward in wards), Counter[str]())
    assert sum(ward.healing_kills for ward in wards) >= 50
    assert {"EXECUTING", "VERIFYING"} <= set(killed_at), killed_at
    for ward in wards:
        journal = ward.journal()
        _every_incident_ended(journal)
        _effects_happened_once(ward, journal)
        _nothing_acknowledged_is_lost(ward, journal)
        code, said = ward.verified()
        assert (code, f"{len(journal)} events" in said) == (0, True), said
    assert any(ward.approvals for ward in wards)
    _a_flipped_byte_is_named(wards[0])


def _every_incident_ended(journal: list[Any]) -> None:
    ends: dict[str, list[str]] = defaultdict(list)
    for entry in journal:
        if entry["incident"]:
            ends[entry["incident"]] += [entry["kind"]] if entry["kind"] in {*_ENDS, *_TURNS} else []
    assert ends
    assert {i: e for i, e in ends.items() if not _ended_once("".join(_LETTER[kind] for kind in e))} == {}


def _ended_once(ends: str) -> bool:
    """However often it was opened again: people were called once at most, and after that it may still end by itself."""
    return re.fullmatch("((E|CE?)B)*(E|CE?)", ends) is not None


_TURNS = {"IncidentEscalated": "C", "IncidentReopened": "B"}
_ENDS = {"IncidentResolved", "IncidentClosed", "IncidentFailed", "IncidentSuppressed"}
_LETTER = {**_TURNS, **dict.fromkeys(_ENDS, "E")}


def _effects_happened_once(ward: Ward, journal: list[Any]) -> None:
    doubled = {key: count for key, count in ward.target.calls.items() if count != 1}
    assert doubled == {}
    written = {
        kind: [e["event"]["key"] for e in journal if e["kind"] == kind] for kind in ("ActionIntended", "ActionApplied")
    }
    assert len(written["ActionIntended"]) == len(set(written["ActionIntended"])) > 0
    applied = {key for key in ward.target.calls if not key.endswith(":undo")}
    assert applied == set(written["ActionApplied"])
    assert {key for key in applied if not ward.target.applied(key)} == _undone(journal)
    for kind in ("ActionApplied", "ActionUndone"):
        steps = [e["event"]["step"] for e in journal if e["kind"] == kind]
        assert len(steps) == len(set(steps))


def _undone(journal: list[Any]) -> set[str]:
    steps = {e["event"]["step"] for e in journal if e["kind"] == "ActionUndone"}
    return {e["event"]["key"] for e in journal if e["kind"] == "ActionApplied" and e["event"]["step"] in steps}


def _nothing_acknowledged_is_lost(ward: Ward, journal: list[Any]) -> None:
    stored = asyncio.run(ward.stored())
    assert len(ward.events) > 100
    assert [s for s in ward.events if (s.service, s.at) not in stored] == []
    granted = {e["event"]["step"] for e in journal if e["kind"] == "ApprovalGranted"}
    assert set(ward.approvals) <= granted
    alerts = Counter(a["fingerprint"] for e in journal for a in _alerts(e))
    assert {name: alerts[name] for name in ward.alerts} == dict.fromkeys(ward.alerts, 1)
    spans = _spans(journal)
    uncovered = [s for s in ward.events if s.ill and not any(_covers(span, s) for span in spans)]
    assert uncovered == []


def _alerts(entry: Any) -> list[Any]:
    match entry["kind"]:
        case "IncidentDetected":
            found = entry["event"]["alerts"]
        case "AlertAttached":
            found = [entry["event"]["alert"]]
        case _:
            found = []
    return list(found)


def _spans(journal: list[Any]) -> list[tuple[str, int, int]]:
    """Service, onset and end of every incident, ns. One that people were called for goes on until it ends."""
    begun = {e["incident"]: e["event"] for e in journal if e["kind"] == "IncidentDetected"}
    ended: dict[str, int] = {}
    for entry in journal:
        # Closed by a person, it goes on until its alert ends: what fires meanwhile is that alert, and opens nothing.
        if entry["kind"] in {*_ENDS, "AlertCleared"} - {"IncidentClosed"}:
            ended[entry["incident"]] = _time(entry["at"])
        elif entry["kind"] in {"IncidentReopened", "IncidentClosed"}:
            ended.pop(entry["incident"], None)
    last = _time(journal[-1]["at"])
    return [(begun[i]["service"], _time(begun[i]["onset"]), ended.get(i, last)) for i in begun]


def _covers(span: tuple[str, int, int], sent: Sent) -> bool:
    service, onset, end = span
    return service == sent.service and onset - ONSET_WITHIN_S * 10**9 <= sent.at <= end + SETTLES_S * 10**9


def _a_flipped_byte_is_named(ward: Ward) -> None:
    with closing(sqlite3.connect(ward.akeso.data / "akeso.db")) as database, database:
        rows = database.execute("SELECT sequence, payload FROM journal WHERE length(payload) > 20").fetchall()
        sequence, payload = ward.random.choice(rows)
        place = ward.random.randrange(len(payload))
        flipped = payload[:place] + chr(ord(payload[place]) ^ 1) + payload[place + 1 :]
        database.execute("UPDATE journal SET payload = ? WHERE sequence = ?", (flipped, sequence))
    code, said = ward.verified()
    assert code == 1
    assert f"journal event {sequence}:" in said
