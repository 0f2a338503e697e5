"""Buttons in Slack: whose they are, what they may, once, and what is written down when they do not count."""

import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from akeso.composition.system import System
from akeso.config.settings import load_settings
from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionStatus
from akeso.domain.incident.person_events import AnswerRefused
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.faces.api.server import create_api
from akeso.faces.api.slack import PATH

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
PEOPLE = {
    "UANN": {"name": "ann", "role": "approver"},
    "UOLE": {"name": "ole", "role": "operator"},
    "UEVE": {"name": "eve", "role": "approver", "tenant": "other"},
}


@dataclass
class Place:
    """An Akeso with a step that waits, and Slack before its door."""

    system: System
    client: httpx.AsyncClient
    incident: str = ""
    step: str = ""
    pressed: int = 0

    async def press(
        self, user: str, verb: str, target: str, *, secret: str = SECRET, age: float = 0, body: bytes = b""
    ) -> httpx.Response:
        self.pressed += 1
        action = {"action_id": f"akeso.{verb}.0", "value": target}
        payload = {"type": "block_actions", "user": {"id": user}, "actions": [action], "trigger_id": self.pressed}
        content = body or urlencode({"payload": json.dumps(payload)}).encode()
        stamp = str(int(self.system.clock.now().timestamp() - age))
        digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + content, "sha256").hexdigest()
        headers = {
            "x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}",
            "content-type": "application/x-www-form-urlencoded",
        }  # fmt: skip
        return await self.client.post(PATH, content=content, headers=headers)

    async def refusals(self) -> list[tuple[str, str]]:
        lines = await self.system.journal.entries("")
        return [(line.event.by, line.event.why) for line in lines if isinstance(line.event, AnswerRefused)]

    async def status(self) -> ActionStatus:
        return (await self.system.incident_store.get(self.incident)).actions[self.step].status


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.chdir(tmp_path)
    slack = {"signing_secret": SECRET, "people": PEOPLE}
    system = await System.open(load_settings(None, {"data": str(tmp_path / "data"), "slack": slack}))
    transport = httpx.ASGITransport(create_api(system), client=("127.0.0.1", 1))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://akeso") as client:
            made = Place(system, client)
            await _waiting(made)
            yield made
    finally:
        await system.stop()


async def _waiting(place: Place) -> None:
    store, now = place.system.incident_store, place.system.clock.now()
    incident = await store.open(e.IncidentDetected("default", "cart", "cart is slow", Severity.ERROR, now), "test")
    step = Step(f"{incident.id}-s1", "restart", "cart")
    plan = Plan((Option("book", (step,), 0.5, Risk.LOW, False, timedelta(seconds=10)),))
    asked = e.ApprovalRequested(step.id, ("approver",), now + timedelta(minutes=30))
    for event in (e.PlanMade(plan), e.PolicyDecided(step.id, "ask", "p"), asked):
        await store.record(incident.id, event, "test")
    place.incident, place.step = incident.id, step.id


async def test_an_approver_approves_once_in_her_own_name(place: Place) -> None:
    first = await place.press("UANN", "approve", place.step)
    assert (first.status_code, first.json()) == (200, {"done": [f"ann approved {place.step}"]})
    assert await place.status() is ActionStatus.ALLOWED
    again = await place.press("UANN", "approve", place.step)
    assert again.status_code == 409
    granted = [x for x in await place.system.journal.entries(place.incident) if isinstance(x.event, e.ApprovalGranted)]
    assert [(x.actor, x.event) for x in granted] == [("ann", e.ApprovalGranted(place.step, "ann", "approver", False))]
    assert [by for by, _ in await place.refusals()] == ["UANN"]


async def test_somebody_acknowledges_once(place: Place) -> None:
    assert (await place.press("UOLE", "acknowledge", place.incident)).status_code == 200
    assert (await place.press("UANN", "acknowledge", place.incident)).status_code == 409
    assert (await place.system.incident_store.get(place.incident)).attention.acknowledged_by == "ole"


async def test_a_rejection_is_that_of_the_person(place: Place) -> None:
    assert (await place.press("UANN", "reject", place.step)).status_code == 200
    assert await place.status() is ActionStatus.REJECTED


async def test_who_may_not_does_not_and_it_is_written_down(place: Place) -> None:
    refused = {
        "UOLE": (403, "operator may not decide"),
        "UWHO": (403, "nobody here is UWHO"),
        "UEVE": (404, "no incident"),
    }
    for user, (status, _) in refused.items():
        assert (await place.press(user, "approve", place.step)).status_code == status
    assert await place.status() is ActionStatus.ASKED
    written = dict(await place.refusals())
    assert all(why in written[user] for user, (_, why) in refused.items())


async def test_what_is_forged_or_late_does_not_count_and_is_written_down(place: Place) -> None:
    for secret, age in (("wrong", 0), ("", 0), (SECRET, 310), (SECRET, -310)):
        answer = await place.press("UANN", "approve", place.step, secret=secret, age=age)
        assert answer.status_code == 401, (secret, age)
    assert await place.status() is ActionStatus.ASKED
    # Of many for one reason one line a minute: anybody can send them.
    assert await place.refusals() == [("", "the signature is not Slack's"), ("", "the request is too old")]


async def test_what_is_sent_again_does_not_count(place: Place) -> None:
    signed = (await place.press("UANN", "preview", place.step)).request
    replayed = await place.client.post(PATH, content=signed.content, headers=dict(signed.headers))
    assert (replayed.status_code, replayed.json()["message"]) == (409, "the request came before")
    assert [why for _, why in await place.refusals()] == ["the request came before"]


async def test_what_slack_would_not_send_is_refused_and_named(place: Place) -> None:
    for body in (b"payload=%7B", b"payload=%5B%5D", b"other=1", b"\xff", b"payload={}"):
        answer = await place.press("UANN", "approve", place.step, body=body)
        assert (answer.status_code, answer.json()["field"]) == (422, "payload"), body


async def test_other_buttons_are_none_of_akesos(place: Place) -> None:
    payload = {"user": {"id": "UANN"}, "actions": [{"action_id": "open"}]}
    answer = await place.press("", "", "", body=urlencode({"payload": json.dumps(payload)}).encode())
    assert (answer.status_code, answer.json()) == (200, {"done": []})


async def test_without_a_signature_nobody_comes_in(place: Place) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await place.client.post(PATH, content=b"payload={}", headers=form)).status_code == 415
    unsigned = await place.client.post(PATH, content=b"payload={}", headers={**form, "x-slack-signature": ""})
    assert unsigned.status_code == 401
