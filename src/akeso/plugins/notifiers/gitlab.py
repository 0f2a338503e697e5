"""Keep an issue in a GitLab project for each incident. https://docs.gitlab.com/api/issues/"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import ChannelMessage, given, http_address
from akeso.targets.ticket import TicketBook, asked, described, nobody_called


class Gitlab:
    """One issue an incident with the label akeso, found again by its text: a note for each turn, closed with its end.

    token: with the scope api. project: its number or path. console: where readers reach Akeso's page. url: of the
    server. call_s: seconds for an answer.
    """

    name = "gitlab"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {"token": "x", "project": "a/b", "url": "http://127.0.0.1:9004"}

    def __init__(
        self, token: str, project: str, console: str = "", url: str = "https://gitlab.com", call_s: float = 10.0
    ) -> None:
        """Raises InvalidInput naming the option."""
        place = quote(given("project", project), safe="")
        self._issues = f"{http_address('url', url).rstrip('/')}/api/v4/projects/{place}/issues"
        self._headers = {"private-token": given("token", token)}
        self._call_s, self._book = call_s, TicketBook(self, console)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        await self._book.tell(incident, entry)

    async def find(self, incident: Incident) -> str | None:
        """Among the hundred newest issues with the label that were made since the incident began."""
        query = {"labels": "akeso", "created_after": incident.detected_at.isoformat(), "per_page": "100"}
        found = await asked("GET", self._issues, self._call_s, None, self._headers, query)
        mark = _marked(incident)
        return next((str(issue["iid"]) for issue in found if mark in (issue.get("description") or "")), None)

    async def open(self, incident: Incident, told: ChannelMessage) -> str:
        """A new issue."""
        text = f"{nobody_called(described(incident, told))}\n\n{_marked(incident)}"
        body = {"title": nobody_called(told.line)[:250], "description": text, "labels": "akeso"}
        made = await asked("POST", self._issues, self._call_s, body, self._headers)
        return str(made["iid"])

    async def note(self, ticket: str, told: ChannelMessage) -> None:
        """A note; a line that begins with a slash would be a command."""
        body = {"body": nobody_called(told.line)}
        await asked("POST", f"{self._issues}/{ticket}/notes", self._call_s, body, self._headers)

    async def close(self, ticket: str, told: ChannelMessage) -> None:
        """A note, and closed."""
        await self.note(ticket, told)
        await self._change(ticket, "close")

    async def reopen(self, ticket: str, told: ChannelMessage) -> None:
        """A note, and open."""
        await self.note(ticket, told)
        await self._change(ticket, "reopen")

    async def _change(self, ticket: str, event: str) -> None:
        await asked("PUT", f"{self._issues}/{ticket}", self._call_s, {"state_event": event}, self._headers)


def _marked(incident: Incident) -> str:
    return f"<!-- akeso: {incident.id} -->"
