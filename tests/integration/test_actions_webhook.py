"""Webhooks and fallbacks over real HTTP."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.plugins.actions.call_webhook import CallWebhook
from akeso.plugins.actions.switch_fallback import SwitchFallback

pytestmark = pytest.mark.integration
STEP = Step("s1", "call_webhook", "store", {"shard": "7"})


@dataclass
class Automation:
    """A team's endpoint: a flag and a list of the calls it got; `answers` overrides a path's status."""

    url: str = ""
    enabled: bool = False
    stuck: bool = False
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def service(self, **webhook: str) -> ServiceSpec:
        fallback = {"kind": "webhook", **{name: f"{self.url}/{name}" for name in ("on", "off", "status")}}
        hook = {"kind": "webhook", "url": f"{self.url}/do", **webhook}
        return ServiceSpec("store", bindings={"fallback": fallback, "webhook": hook})

    def answer(self, path: str, key: str, body: dict[str, Any]) -> object:
        self.calls.append((path, key, body))
        if path in {"/on", "/off"} and not self.stuck:
            self.enabled = path == "/on"
        if path.startswith("/check"):
            return {"applied": any(call[1] == path.partition("key=")[2] for call in self.calls[:-1])}
        return {"enabled": self.enabled}


@pytest.fixture
def automation() -> Iterator[Automation]:
    state = Automation()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/slow":
                time.sleep(0.6)
            said = state.answer(self.path, self.headers.get("Idempotency-Key", ""), json.loads(body or b"{}"))
            with suppress(BrokenPipeError):  # whoever asked no longer waits
                self.send_response(state.answers.get(self.path, 200))
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()


async def test_the_webhook_gets_the_step_and_its_key(automation: Automation) -> None:
    outcome = await CallWebhook().apply(STEP, automation.service(), "k-1", {})
    assert isinstance(outcome, Done)
    body = {"action": "call_webhook", "target": "store", "key": "k-1", "parameters": {"shard": "7"}}
    assert automation.calls == [("/do", "k-1", body)]


async def test_the_preview_names_the_url_and_calls_nothing(automation: Automation) -> None:
    sentence = await CallWebhook().preview(STEP, automation.service())
    assert f"{automation.url}/do" in sentence
    assert "shard=7" in sentence
    assert not automation.calls


@pytest.mark.parametrize(
    ("status", "outcome"), [(204, Done), (409, Failed), (302, Failed), (500, Unknown), (503, Unknown)]
)
async def test_the_status_decides_how_it_ended(automation: Automation, status: int, outcome: type[object]) -> None:
    automation.answers["/do"] = status
    assert isinstance(await CallWebhook().apply(STEP, automation.service(), "k", {}), outcome)


async def test_an_answer_that_comes_too_late_leaves_the_question_open(automation: Automation) -> None:
    late = automation.service(url=f"{automation.url}/slow")
    outcome = await CallWebhook(call_s=0.2).apply(STEP, late, "k", {})
    assert isinstance(outcome, Unknown)
    assert "0.2 s" in outcome.why


async def test_the_check_asks_for_the_key(automation: Automation) -> None:
    service = automation.service(check=f"{automation.url}/check")
    assert isinstance(await CallWebhook().check(STEP, service, "k-1", {}), Failed)
    await CallWebhook().apply(STEP, service, "k-1", {})
    assert isinstance(await CallWebhook().check(STEP, service, "k-1", {}), Done)


async def test_without_a_check_nobody_can_tell(automation: Automation) -> None:
    assert isinstance(await CallWebhook().check(STEP, automation.service(), "k-1", {}), Unknown)


async def test_a_reversible_webhook_needs_an_undo_and_calls_it(automation: Automation) -> None:
    action = CallWebhook(reversible=True)
    assert action.reversible
    with pytest.raises(ActionFailed, match=r"webhook\.undo"):
        await action.capture(STEP, automation.service())
    outcome = await action.undo(STEP, automation.service(undo=f"{automation.url}/undo"), "k-1", {})
    assert isinstance(outcome, Done)
    assert automation.calls[0][:2] == ("/undo", "k-1:undo")


async def test_the_fallback_is_switched_on_and_off_again(automation: Automation) -> None:
    action, service = SwitchFallback(), automation.service()
    before = await action.capture(STEP, service)
    assert before == {"enabled": "false"}
    assert "it is off now" in await action.preview(STEP, service)
    assert isinstance(await action.check(STEP, service, "k", before), Failed)
    assert isinstance(await action.apply(STEP, service, "k", before), Done)
    assert automation.enabled
    assert isinstance(await action.check(STEP, service, "k", before), Done)
    assert isinstance(await action.undo(STEP, service, "k", before), Done)
    assert not automation.enabled


async def test_a_fallback_that_was_on_before_stays_on_when_undone(automation: Automation) -> None:
    automation.enabled = True
    before = await SwitchFallback().capture(STEP, automation.service())
    await SwitchFallback().undo(STEP, automation.service(), "k", before)
    assert automation.enabled


async def test_a_switch_that_is_accepted_but_does_not_move_is_a_failure(automation: Automation) -> None:
    automation.stuck = True
    outcome = await SwitchFallback().apply(STEP, automation.service(), "k", {"enabled": "false"})
    assert isinstance(outcome, Failed)
    assert "does not say" in outcome.why


async def test_a_status_that_fails_cannot_be_captured(automation: Automation) -> None:
    automation.answers["/status"] = 500
    with pytest.raises(ActionFailed, match="answered 500"):
        await SwitchFallback().capture(STEP, automation.service())
