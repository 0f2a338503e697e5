"""A Slack app against a server that keeps messages as Slack does: one message an incident, a thread, and buttons."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from akeso.domain.errors import RequestRefused, Unavailable
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionStatus, Attention, Incident, IncidentStatus
from akeso.plugins.notifiers.slack_app import SlackApp
from akeso.testing.conformance.notifiers import OPENED, TOLD, told
from akeso.testing.servers.scripted_http import Answer, Asked, ScriptedServer, serving

pytestmark = pytest.mark.integration


@dataclass
class Workspace:
    """One channel."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    replies: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    def answer(self, asked: Asked) -> Answer:
        if self.error:
            return 200, {"ok": False, "error": self.error}
        body, place = asked.body, str(len(self.messages) + 1)
        match asked.path:
            case "/api/chat.postMessage" if "thread_ts" in body:
                self.replies.append(body)
                return 200, {"ok": True, "ts": "99"}
            case "/api/chat.postMessage":
                self.messages[place] = {**body, "ts": place}
                return 200, {"ok": True, "ts": place}
            case "/api/chat.update":
                self.messages[body["ts"]] |= body
                return 200, {"ok": True, "ts": body["ts"]}
            case "/api/conversations.history":
                return 200, {"ok": True, "messages": list(self.messages.values())}
        return 404, {"ok": False, "error": "unknown_method"}


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


@pytest.fixture
def server(workspace: Workspace) -> Iterator[ScriptedServer]:
    with serving(workspace.answer) as made:
        yield made


def app(server: ScriptedServer) -> SlackApp:
    return SlackApp("xoxb-1", "C1", console="https://akeso.example.org", url=f"{server.url}/api")


def waiting() -> tuple[Incident, e.Entry]:
    incident, entry = told(TOLD[1])
    (record,) = incident.actions.values()
    asked = replace(record, status=ActionStatus.ASKED)
    return replace(incident, actions={"s1": asked}, status=IncidentStatus.PENDING_APPROVAL), replace(entry, sequence=8)


def buttons(message: dict[str, Any]) -> list[str]:
    blocks = [block for block in message["blocks"] if block["type"] == "actions"]
    return [button["action_id"] for block in blocks for button in block["elements"]]


async def test_an_incident_is_one_message_that_is_kept_up_to_date_and_a_thread(
    workspace: Workspace, server: ScriptedServer
) -> None:
    slack = app(server)
    await slack.notify(*told(OPENED))
    await slack.notify(*waiting())
    (message,) = workspace.messages.values()
    assert message["text"] == "Approval needed: restart on cart, for: cart is slow"
    assert buttons(message) == ["akeso.acknowledge", "akeso.approve.0", "akeso.preview.0", "akeso.reject.0", "open"]
    assert [(reply["thread_ts"], reply["text"]) for reply in workspace.replies] == [("1", message["text"])]
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer xoxb-1"}


async def test_another_process_finds_the_message_and_tells_nothing_twice(
    workspace: Workspace, server: ScriptedServer
) -> None:
    await app(server).notify(*told(OPENED))
    again = app(server)
    await again.notify(*told(OPENED))
    assert (len(workspace.messages), workspace.replies) == (1, [])
    await again.notify(*waiting())
    assert (len(workspace.messages), len(workspace.replies)) == (1, 1)


async def test_what_somebody_has_or_is_over_has_fewer_buttons(workspace: Workspace, server: ScriptedServer) -> None:
    incident, entry = waiting()
    await app(server).notify(replace(incident, attention=Attention(acknowledged_by="ann")), entry)
    assert buttons(workspace.messages["1"])[0] == "akeso.approve.0"
    assert "*Acknowledged by*\nann" in [field["text"] for field in workspace.messages["1"]["blocks"][1]["fields"]]
    await app(server).notify(replace(incident, status=IncidentStatus.RESOLVED), replace(entry, sequence=9))
    assert buttons(workspace.messages["1"]) == ["open"]


async def test_nothing_from_telemetry_is_markup(workspace: Workspace, server: ScriptedServer) -> None:
    await app(server).notify(*told(e.IncidentEscalated("<!channel> is slow & dead")))
    assert "&lt;!channel&gt;" in workspace.messages["1"]["text"]


@pytest.mark.parametrize(("error", "raised"), [("channel_not_found", RequestRefused), ("ratelimited", Unavailable)])
async def test_slacks_errors_are_told_apart(
    workspace: Workspace, server: ScriptedServer, error: str, raised: type[Exception]
) -> None:
    workspace.error = error
    with pytest.raises(raised, match=error):
        await app(server).notify(*told(OPENED))
