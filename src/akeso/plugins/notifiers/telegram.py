"""Tell a Telegram chat. https://core.telegram.org/bots/api#sendmessage"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import given, http_address, message_of, severity_of
from akeso.targets.http import call

_LONGEST = 4096


class Telegram:
    """A message of plain text for each notice, by a bot.

    token: the bot's; chat: the chat's id, or @name of a channel. from_severity: of incidents that are told at all.
    console: where readers reach Akeso's page. url: of the Bot API. call_s: seconds for an answer.
    """

    name = "telegram"
    example_options: ClassVar[Mapping[str, object]] = {"token": "1:x", "chat": "-100", "url": "http://127.0.0.1:9004"}

    def __init__(
        self,
        token: str,
        chat: str,
        from_severity: str = "info",
        console: str = "",
        url: str = "https://api.telegram.org",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._url = f"{http_address('url', url).rstrip('/')}/bot{given('token', token)}/sendMessage"
        self._chat, self._call_s, self._console = given("chat", str(chat)), call_s, console
        self._least = severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            told = message_of(incident, entry, self._console)
            lines = [told.line, *(f"{name}: {value}" for name, value in told.facts), *filter(None, (told.link,))]
            body = {"chat_id": self._chat, "text": "\n".join(lines)[:_LONGEST], "disable_notification": told.ends}
            await call("POST", self._url, self._call_s, body)
