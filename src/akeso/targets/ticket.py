"""What notifiers that keep a ticket for each incident have in common."""

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from akeso.domain.errors import Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice, notice_of
from akeso.targets.channel import ChannelMessage, message_of
from akeso.targets.http import call

_REMEMBERED = 1000


class TicketDesk(Protocol):
    """Where tickets are. Each raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can
    tell."""

    async def find(self, incident: Incident) -> str | None:
        """The ticket of an incident, which this or an earlier process opened."""
        ...

    async def open(self, incident: Incident, told: ChannelMessage) -> str: ...

    async def note(self, ticket: str, told: ChannelMessage) -> None: ...

    async def close(self, ticket: str, told: ChannelMessage) -> None: ...

    async def reopen(self, ticket: str, told: ChannelMessage) -> None: ...


class TicketBook:
    """One ticket an incident: opened with the first notice, a note for each further one, closed with its end and opened
    again with it. A ticket is looked for before one is opened, so that a restart opens none twice."""

    def __init__(self, desk: TicketDesk, console: str) -> None:
        self._desk, self._console = desk, console
        self._known: OrderedDict[str, str] = OrderedDict()

    async def tell(self, incident: Incident, entry: Entry) -> None:
        """Raises as TicketDesk."""
        told, notice = message_of(incident, entry, self._console), notice_of(entry.event)
        ticket = self._known.get(incident.id) or await self._desk.find(incident)
        if ticket is None:
            if told.ends:
                return  # what was over before anybody had a ticket needs none
            ticket = await self._desk.open(incident, told)
        elif told.ends:
            await self._desk.close(ticket, told)
        elif notice is Notice.REOPENED:
            await self._desk.reopen(ticket, told)
        elif notice is not Notice.OPENED:
            await self._desk.note(ticket, told)
        self._known[incident.id] = ticket
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


async def asked(
    method: str,
    url: str,
    call_s: float,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Any:
    """The JSON of an answer; None of one without a body. Raises as akeso.targets.http.call."""
    answer = await call(method, url, call_s, body, headers, query)
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError as bad:
        raise Unavailable(f"{method} of a ticket: the answer is no JSON") from bad


def basic(user: str, password: str) -> str:
    """The header `authorization` of an account."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def described(incident: Incident, told: ChannelMessage, marker: str = "") -> str:
    """A ticket's text. marker: by which it is found again."""
    facts = [f"{name}: {value}" for name, value in told.facts]
    return "\n".join(filter(None, (told.line, "", *facts, incident.why, told.link, marker)))


def nobody_called(text: str) -> str:
    """Text in which no name calls anybody."""
    return text.replace("@", "@\u200b").replace("<", "&lt;")
