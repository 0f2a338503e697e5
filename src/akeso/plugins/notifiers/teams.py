"""Tell a channel of Microsoft Teams. https://learn.microsoft.com/en-us/connectors/teams/ and https://adaptivecards.io"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import http_address, message_of, severity_of
from akeso.targets.http import call

_CARD = "application/vnd.microsoft.card.adaptive"


class Teams:
    """An Adaptive Card for each notice, by the webhook of a workflow ("when a Teams webhook request is received").

    url: the webhook's address, which is a secret. from_severity: of incidents that are told at all. console: where
    readers reach Akeso's page. call_s: seconds for an answer.
    """

    name = "teams"
    example_options: ClassVar[Mapping[str, object]] = {"url": "http://127.0.0.1:9004/workflows/x"}

    def __init__(self, url: str, from_severity: str = "info", console: str = "", call_s: float = 10.0) -> None:
        """Raises InvalidInput naming the option."""
        self._url, self._call_s, self._console = http_address("url", url), call_s, console
        self._least = severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            card = self._card(incident, entry)
            attachment = {"contentType": _CARD, "content": card}
            await call("POST", self._url, self._call_s, {"type": "message", "attachments": [attachment]})

    def _card(self, incident: Incident, entry: Entry) -> Mapping[str, object]:
        told = message_of(incident, entry, self._console)
        colour = "Good" if told.ends else "Attention"
        facts = [_run(f"{name}: {value}") for name, value in told.facts]
        opens = [{"type": "Action.OpenUrl", "title": "Open", "url": told.link}] if told.link else []
        return {
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [_run(told.line, weight="Bolder", color=colour), *facts],
            "actions": opens,
        }


def _run(text: str, **looks: str) -> Mapping[str, object]:
    # Runs of text know no Markdown, in which a name in telemetry could become a link.
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **looks}]}
