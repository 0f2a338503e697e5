"""Tell a Discord channel. https://discord.com/developers/docs/resources/webhook#execute-webhook"""

import re
from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import http_address, message_of, severity_of
from akeso.targets.http import call

_TITLE = 256  # characters that an embed's title may have
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]()#@])")


class Discord:
    """An embed for each notice, by a webhook of the channel. Nobody is mentioned and nothing is linked, whatever
    stands in the words.

    url: the webhook's address, which is a secret. from_severity: of incidents that are told at all. console: where
    readers reach Akeso's page. call_s: seconds for an answer.
    """

    name = "discord"
    example_options: ClassVar[Mapping[str, object]] = {"url": "http://127.0.0.1:9004/api/webhooks/0/x"}

    def __init__(self, url: str, from_severity: str = "info", console: str = "", call_s: float = 10.0) -> None:
        """Raises InvalidInput naming the option."""
        self._url, self._call_s, self._console = http_address("url", url), call_s, console
        self._least = severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity < self._least:
            return
        told = message_of(incident, entry, self._console)
        fields = [{"name": name, "value": _plain(value)[:1024], "inline": True} for name, value in told.facts]
        embed: dict[str, object] = {"title": _plain(told.line)[:_TITLE], "color": told.colour, "fields": fields}
        embed |= {"timestamp": entry.at.isoformat()} | ({"url": told.link} if told.link else {})
        await call("POST", self._url, self._call_s, {"embeds": [embed], "allowed_mentions": {"parse": []}})


def _plain(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
