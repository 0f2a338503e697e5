"""Tickets against servers that speak the documented protocols: one an incident, its turns, its end, a restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from akeso.domain.errors import RequestRefused
from akeso.domain.incident import events as e
from akeso.domain.incident.person_events import CloseReason, IncidentClosed, IncidentReopened
from akeso.plugins.discovery import make
from akeso.testing.conformance.notifiers import OPENED, told
from akeso.testing.servers.scripted_http import Answer, Asked, ScriptedServer, serving

pytestmark = pytest.mark.integration

CLOSED = IncidentClosed("ann", CloseReason.FIXED_BY_HAND)
ESCALATED = e.IncidentEscalated("nothing helped, @everyone")


@dataclass
class Desk:
    """Tickets as one of the four servers keeps them: `texts` and `states` by ticket."""

    tickets: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    state: str = ""

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError


class ServiceNowDesk(Desk):
    def answer(self, asked: Asked) -> Answer:
        place = urlsplit(asked.path)
        if asked.method == "GET":
            wanted = parse_qs(place.query)["sysparm_query"][0].removeprefix("correlation_id=")
            found = [{"sys_id": t["sys_id"]} for t in self.tickets if t["correlation_id"] == wanted]
            return 200, {"result": found}
        if asked.method == "POST":
            self.tickets.append({**asked.body, "sys_id": "a1"})
            return 201, {"result": self.tickets[-1]}
        assert place.path.endswith("/incident/a1")
        self.notes.append(asked.body["work_notes"])
        self.state = {"6": "closed", "2": "open"}.get(asked.body.get("state", ""), self.state)
        return 200, {"result": {}}


class JiraDesk(Desk):
    def answer(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if path.endswith("/search/jql"):
            jql = parse_qs(urlsplit(asked.path).query)["jql"][0]
            found = [t for t in self.tickets if any(f'labels = "{label}"' in jql for label in t["labels"])]
            return 200, {"issues": [{"key": "OPS-1"} for _ in found]}
        if path.endswith("/issue"):
            self.tickets.append(asked.body["fields"])
            return 201, {"key": "OPS-1"}
        if path.endswith("/OPS-1/comment"):
            self.notes.append(asked.body["body"])
        elif path.endswith("/OPS-1/transitions") and asked.method == "POST":
            self.state = {"31": "closed", "11": "open"}[asked.body["transition"]["id"]]
        return 200, {"transitions": [{"id": "11", "name": "To Do"}, {"id": "31", "name": "Done"}]}


class GithubDesk(Desk):
    def answer(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if asked.method == "GET":
            return 200, self.tickets
        if path.endswith("/comments"):
            self.notes.append(asked.body["body"])
        elif asked.method == "POST":
            self.tickets.append({**asked.body, "number": 7})
            return 201, self.tickets[-1]
        else:
            assert path == "/repos/a/b/issues/7"
            self.state = asked.body["state"]
        return 200, {}


class GitlabDesk(Desk):
    def answer(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if asked.method == "GET":
            return 200, self.tickets
        if path.endswith("/notes"):
            self.notes.append(asked.body["body"])
        elif asked.method == "POST":
            self.tickets.append({**asked.body, "iid": 7})
            return 201, self.tickets[-1]
        else:
            assert path == "/api/v4/projects/a%2Fb/issues/7"
            self.state = {"close": "closed", "reopen": "open"}[asked.body["state_event"]]
        return 200, {}


KINDS: dict[str, tuple[type[Desk], dict[str, object]]] = {
    "servicenow": (ServiceNowDesk, {"user": "akeso", "password": "x"}),
    "jira": (JiraDesk, {"token": "x", "project": "OPS", "user": "akeso@example.org"}),
    "github": (GithubDesk, {"token": "x", "repository": "a/b"}),
    "gitlab": (GitlabDesk, {"token": "x", "project": "a/b"}),
}


@contextmanager
def desk_of(kind: str) -> Iterator[tuple[Desk, ScriptedServer, dict[str, object]]]:
    made, options = KINDS[kind][0](), KINDS[kind][1]
    with serving(made.answer) as server:
        yield made, server, {**options, "url": server.url, "console": "https://akeso.example.org"}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_incident_is_one_ticket_through_all_its_turns_and_a_restart(kind: str) -> None:
    with desk_of(kind) as (desk, server, options):
        notifier = make("notifiers", kind, options)
        for event in (OPENED, ESCALATED, CLOSED):
            await notifier.notify(*told(event))
        assert desk.state == "closed"
        another = make("notifiers", kind, options)
        await another.notify(*told(OPENED))
        await another.notify(*told(IncidentReopened("ann", "it came back")))
    assert (len(desk.tickets), desk.state) == (1, "open")
    assert [note.partition(":")[0] for note in desk.notes] == ["Escalated", "Closed by ann", "Re-opened"]
    assert all("authorization" in asked.headers or "private-token" in asked.headers for asked in server.asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_end_without_a_ticket_opens_none(kind: str) -> None:
    with desk_of(kind) as (desk, server, options):
        await make("notifiers", kind, options).notify(*told(CLOSED))
        assert (desk.tickets, [asked.method for asked in server.asked]) == ([], ["GET"])


@pytest.mark.parametrize("kind", ["github", "gitlab"])
async def test_nothing_from_telemetry_calls_anybody(kind: str) -> None:
    with desk_of(kind) as (desk, _, options):
        incident, entry = told(OPENED)
        await make("notifiers", kind, options).notify(replace(incident, title="@all <!-- x"), entry)
    (ticket,) = desk.tickets
    assert "@all" not in ticket["title"]
    assert "<!-- x" not in str(ticket.get("body") or ticket["description"])


async def test_a_ticket_says_how_bad_it_is_and_where_to_look() -> None:
    with desk_of("servicenow") as (desk, _, options):
        await make("notifiers", "servicenow", options).notify(*told(OPENED))
    (ticket,) = desk.tickets
    assert (ticket["impact"], ticket["short_description"]) == ("2", "Opened: cart is slow")
    assert "https://akeso.example.org/#incident=inc-1" in ticket["description"]


async def test_a_transition_that_is_not_there_is_named() -> None:
    with desk_of("jira") as (_, _, options):
        notifier = make("notifiers", "jira", {**options, "done": "Closed"})
        await notifier.notify(*told(OPENED))
        with pytest.raises(RequestRefused, match="no transition Closed; there are To Do, Done"):
            await notifier.notify(*told(CLOSED))
