"""Keep an issue in Jira for each incident. https://developer.atlassian.com/cloud/jira/platform/rest/v2/"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.errors import RequestRefused
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import ChannelMessage, given, http_address
from akeso.targets.ticket import TicketBook, asked, basic, described


class Jira:
    """One issue an incident, found again by its label: a comment for each turn, moved on with its end.

    url: of the site. token: an API token of `user`; without a user a personal access token (Data Center, whose search
    is `search = "search"`). project: its key. done, todo: the transitions that end an issue and begin it again.
    """

    name = "jira"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {"url": "http://127.0.0.1:9004", "token": "x", "project": "OPS"}

    def __init__(  # noqa: PLR0913, PLR0917 - each is an option of the settings
        self,
        url: str,
        token: str,
        project: str,
        user: str = "",
        issue_type: str = "Bug",
        done: str = "Done",
        todo: str = "To Do",
        search: str = "search/jql",
        console: str = "",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._api, self._call_s = f"{http_address('url', url).rstrip('/')}/rest/api/2", call_s
        given("token", token)
        self._headers = {"authorization": basic(user, token) if user else f"Bearer {token}"}
        self._project, self._type, self._search = given("project", project), issue_type, search
        self._done, self._todo, self._book = done, todo, TicketBook(self, console)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        await self._book.tell(incident, entry)

    async def find(self, incident: Incident) -> str | None:
        """By the label. Jira's index may be seconds behind."""
        jql = f'project = "{self._project}" AND labels = "{incident.id}"'
        query = {"jql": jql, "fields": "status", "maxResults": "1"}
        found = await asked("GET", f"{self._api}/{self._search}", self._call_s, None, self._headers, query)
        issues = found.get("issues", [])
        return str(issues[0]["key"]) if issues else None

    async def open(self, incident: Incident, told: ChannelMessage) -> str:
        """A new issue."""
        fields = {
            "project": {"key": self._project}, "issuetype": {"name": self._type}, "summary": told.line[:250],
            "description": described(incident, told), "labels": ["akeso", incident.id],
        }  # fmt: skip
        made = await asked("POST", f"{self._api}/issue", self._call_s, {"fields": fields}, self._headers)
        return str(made["key"])

    async def note(self, ticket: str, told: ChannelMessage) -> None:
        """A comment."""
        body = {"body": told.line}
        await asked("POST", f"{self._api}/issue/{ticket}/comment", self._call_s, body, self._headers)

    async def close(self, ticket: str, told: ChannelMessage) -> None:
        """A comment and the transition `done`."""
        await self.note(ticket, told)
        await self._move(ticket, self._done)

    async def reopen(self, ticket: str, told: ChannelMessage) -> None:
        """A comment and the transition `todo`."""
        await self.note(ticket, told)
        await self._move(ticket, self._todo)

    async def _move(self, ticket: str, name: str) -> None:
        place = f"{self._api}/issue/{ticket}/transitions"
        found = (await asked("GET", place, self._call_s, None, self._headers)).get("transitions", [])
        wanted = next((each["id"] for each in found if each["name"].lower() == name.lower()), None)
        if wanted is None:
            there = ", ".join(each["name"] for each in found) or "none"
            raise RequestRefused(f"Jira's {ticket} has no transition {name}; there are {there}")
        await asked("POST", place, self._call_s, {"transition": {"id": wanted}}, self._headers)
