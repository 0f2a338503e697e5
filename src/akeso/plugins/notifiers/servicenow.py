"""Keep an incident in ServiceNow for each of Akeso's.

https://www.servicenow.com/docs/bundle/xanadu-api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import ChannelMessage, given, http_address, severity_of
from akeso.targets.ticket import TicketBook, asked, basic, described

_RESOLVED, _IN_PROGRESS = "6", "2"
# Impact and urgency, of which ServiceNow makes the priority.
_LEVELS: Mapping[Severity, str] = {Severity.CRITICAL: "1", Severity.ERROR: "2", Severity.WARNING: "3"}


class Servicenow:
    """One incident for each of Akeso's, whose id is its `correlation_id`: work notes for each turn, resolved with its
    end.

    url: of the instance. user, password: of an account with the role itil. console: where readers reach Akeso's page.
    from_severity: of incidents that are told at all. close_code: as the instance lists them. call_s: seconds for an
    answer.
    """

    name = "servicenow"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {"url": "http://127.0.0.1:9004", "user": "akeso", "password": "x"}

    def __init__(  # noqa: PLR0913, PLR0917 - each is an option of the settings
        self,
        url: str,
        user: str,
        password: str,
        console: str = "",
        from_severity: str = "info",
        close_code: str = "Solution provided",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._table = f"{http_address('url', url).rstrip('/')}/api/now/table/incident"
        account = basic(given("user", user), given("password", password))
        self._headers = {"authorization": account, "accept": "application/json"}
        self._call_s, self._close_code = call_s, close_code
        self._least, self._book = severity_of("from_severity", from_severity), TicketBook(self, console)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            await self._book.tell(incident, entry)

    async def find(self, incident: Incident) -> str | None:
        """By the correlation id."""
        query = {"sysparm_query": f"correlation_id={incident.id}", "sysparm_fields": "sys_id", "sysparm_limit": "1"}
        found = await asked("GET", self._table, self._call_s, None, self._headers, query)
        rows = found.get("result", [])
        return str(rows[0]["sys_id"]) if rows else None

    async def open(self, incident: Incident, told: ChannelMessage) -> str:
        """A new incident."""
        level = _LEVELS.get(incident.severity, "3")
        body = {
            "short_description": told.line[:160], "description": described(incident, told), "impact": level,
            "urgency": level, "correlation_id": incident.id, "correlation_display": "Akeso",
        }  # fmt: skip
        made = await asked("POST", self._table, self._call_s, body, self._headers)
        return str(made["result"]["sys_id"])

    async def note(self, ticket: str, told: ChannelMessage) -> None:
        """A work note."""
        await self._change(ticket, {"work_notes": told.line})

    async def close(self, ticket: str, told: ChannelMessage) -> None:
        """Resolved, with what it was."""
        ending = {"state": _RESOLVED, "close_code": self._close_code, "close_notes": told.line}
        await self._change(ticket, {"work_notes": told.line, **ending})

    async def reopen(self, ticket: str, told: ChannelMessage) -> None:
        """In progress again."""
        await self._change(ticket, {"work_notes": told.line, "state": _IN_PROGRESS})

    async def _change(self, ticket: str, fields: Mapping[str, Any]) -> None:
        await asked("PATCH", f"{self._table}/{ticket}", self._call_s, fields, self._headers)
