"""Keep an issue in a GitHub repository for each incident. https://docs.github.com/en/rest/issues"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import ChannelMessage, given, http_address
from akeso.targets.ticket import TicketBook, asked, described, nobody_called


class Github:
    """One issue an incident with the label akeso, found again by its text: a comment for each turn, closed with its
    end.

    token: with the right to write issues. repository: owner/name. console: where readers reach Akeso's page. url: of
    the API (`https://HOST/api/v3` of an own server). call_s: seconds for an answer.
    """

    name = "github"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {
        "token": "x",
        "repository": "a/b",
        "url": "http://127.0.0.1:9004",
    }

    def __init__(
        self, token: str, repository: str, console: str = "", url: str = "https://api.github.com", call_s: float = 10.0
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._issues = f"{http_address('url', url).rstrip('/')}/repos/{given('repository', repository)}/issues"
        self._headers = {
            "authorization": f"Bearer {given('token', token)}", "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }  # fmt: skip
        self._call_s, self._book = call_s, TicketBook(self, console)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        await self._book.tell(incident, entry)

    async def find(self, incident: Incident) -> str | None:
        """Among the hundred newest issues with the label that changed since the incident began."""
        since = incident.detected_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"labels": "akeso", "state": "all", "since": since, "per_page": "100"}
        found = await asked("GET", self._issues, self._call_s, None, self._headers, query)
        mark = _marked(incident)
        return next((str(issue["number"]) for issue in found if mark in (issue.get("body") or "")), None)

    async def open(self, incident: Incident, told: ChannelMessage) -> str:
        """A new issue."""
        text = f"{nobody_called(described(incident, told))}\n\n{_marked(incident)}"
        body = {"title": nobody_called(told.line)[:250], "body": text, "labels": ["akeso"]}
        made = await asked("POST", self._issues, self._call_s, body, self._headers)
        return str(made["number"])

    async def note(self, ticket: str, told: ChannelMessage) -> None:
        """A comment."""
        body = {"body": nobody_called(told.line)}
        await asked("POST", f"{self._issues}/{ticket}/comments", self._call_s, body, self._headers)

    async def close(self, ticket: str, told: ChannelMessage) -> None:
        """A comment, and closed as completed."""
        await self.note(ticket, told)
        await self._change(ticket, {"state": "closed", "state_reason": "completed"})

    async def reopen(self, ticket: str, told: ChannelMessage) -> None:
        """A comment, and open."""
        await self.note(ticket, told)
        await self._change(ticket, {"state": "open"})

    async def _change(self, ticket: str, fields: Mapping[str, object]) -> None:
        await asked("PATCH", f"{self._issues}/{ticket}", self._call_s, fields, self._headers)


def _marked(incident: Incident) -> str:
    return f"<!-- akeso: {incident.id} -->"
