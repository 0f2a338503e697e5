"""Tell a Slack channel. https://api.slack.com/messaging/webhooks and https://api.slack.com/reference/block-kit"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import http_address, message_of, severity_of
from akeso.targets.http import call

_HEADER = 150  # characters that a header block may have


class Slack:
    """A message of Block Kit for each notice, by an incoming webhook.

    url: the webhook's address, which is a secret. from_severity: of incidents that are told at all. console: where
    readers reach Akeso's page. call_s: seconds for an answer.
    """

    name = "slack"
    example_options: ClassVar[Mapping[str, object]] = {"url": "http://127.0.0.1:9004/services/T0/B0/x"}

    def __init__(self, url: str, from_severity: str = "info", console: str = "", call_s: float = 10.0) -> None:
        """Raises InvalidInput naming the option."""
        self._url, self._call_s, self._console = http_address("url", url), call_s, console
        self._least = severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            await call("POST", self._url, self._call_s, self._body(incident, entry))

    def _body(self, incident: Incident, entry: Entry) -> Mapping[str, object]:
        told = message_of(incident, entry, self._console)
        fields = [{"type": "mrkdwn", "text": f"*{name}*\n{_escaped(value)}"} for name, value in told.facts]
        blocks: list[Mapping[str, object]] = [
            {"type": "header", "text": {"type": "plain_text", "text": told.line[:_HEADER]}},
            {"type": "section", "fields": fields},
        ]
        if told.link:
            button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": told.link}
            blocks.append({"type": "actions", "elements": [button]})
        # The text is what a notification on a telephone shows.
        return {"text": _escaped(told.line), "blocks": blocks}


def _escaped(text: str) -> str:
    # Slack's own markup: without this a name in telemetry could call a whole channel.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
