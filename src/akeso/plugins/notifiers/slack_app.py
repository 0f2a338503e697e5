"""Tell a Slack channel as an app: one message an incident that is kept up to date, with buttons, and a thread.

https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/messaging/message-metadata
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from akeso.domain.errors import RequestRefused, Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident
from akeso.targets.channel import ChannelMessage, given, http_address, message_of, severity_of
from akeso.targets.http import call

_HEADER, _REMEMBERED, _PAGE = 150, 1000, 200
_EVENT = "akeso_incident"
_WAITING = (ActionStatus.ASKED, ActionStatus.PREVIEWED)
# Answers of Slack after which the same may well succeed.
_PASSING = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})


class SlackApp:
    """One message an incident, found again by the metadata that Slack keeps with it, so that a restart makes no second
    one. Further notices update it and stand in its thread. Buttons answer to `/api/v1/slack/interactions`.

    token: of the app's bot (`xoxb-…`), with the scopes chat:write and channels:history. channel: the channel's id.
    from_severity: of incidents that are told at all. console: where readers reach Akeso's page. url: of Slack's API.
    call_s: seconds for an answer.
    """

    name = "slack_app"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {
        "token": "x",
        "channel": "C1",
        "url": "http://127.0.0.1:9004/api",
    }

    def __init__(
        self,
        token: str,
        channel: str,
        from_severity: str = "info",
        console: str = "",
        url: str = "https://slack.com/api",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._token, self._channel = given("token", token), given("channel", channel)
        self._url, self._call_s, self._console = http_address("url", url).rstrip("/"), call_s, console
        self._least = severity_of("from_severity", from_severity)
        self._known: OrderedDict[str, tuple[str, int]] = OrderedDict()  # incident → message, newest line told

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity < self._least:
            return
        told = message_of(incident, entry, self._console)
        place = self._known.get(incident.id) or await self._found(incident)
        if place is None:
            answer = await self._ask("chat.postMessage", self._message(incident, entry, told))
            self._remember(incident, str(answer.get("ts", "")), entry.sequence)
        elif entry.sequence > place[1]:
            reply = {"channel": self._channel, "thread_ts": place[0], "text": _escaped(told.line)}
            await self._ask("chat.postMessage", reply)
            await self._ask("chat.update", {**self._message(incident, entry, told), "ts": place[0]})
            self._remember(incident, place[0], entry.sequence)

    async def _found(self, incident: Incident) -> tuple[str, int] | None:
        """The message of this incident that an earlier process wrote."""
        asked = {
            "channel": self._channel, "oldest": f"{incident.detected_at.timestamp():.6f}", "limit": _PAGE,
            "include_all_metadata": True,
        }  # fmt: skip
        answer = await self._ask("conversations.history", asked)
        for message in answer.get("messages", ()):
            kept = message.get("metadata", {}).get("event_payload", {})
            if kept.get("incident") == incident.id:
                self._remember(incident, str(message["ts"]), int(kept.get("sequence", 0)))
                return self._known[incident.id]
        return None

    def _remember(self, incident: Incident, message: str, sequence: int) -> None:
        self._known[incident.id] = (message, sequence)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _ask(self, method: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        headers = {"authorization": f"Bearer {self._token}"}
        answer = await call("POST", f"{self._url}/{method}", self._call_s, body, headers)
        try:
            said = answer.json()
        except ValueError as bad:
            raise Unavailable(f"Slack's {method} answered no JSON") from bad
        if not isinstance(said, dict) or not said.get("ok"):
            why = str(said.get("error", "no reason")) if isinstance(said, dict) else "no object"
            raise (Unavailable if why in _PASSING else RequestRefused)(f"Slack's {method}: {why}")
        return said

    def _message(self, incident: Incident, entry: Entry, told: ChannelMessage) -> dict[str, object]:
        fields = [{"type": "mrkdwn", "text": f"*{name}*\n{_escaped(value)}"} for name, value in told.facts]
        blocks: list[Mapping[str, object]] = [
            {"type": "header", "text": {"type": "plain_text", "text": told.line[:_HEADER]}},
            {"type": "section", "fields": fields},
        ]
        if elements := list(_buttons(incident, told)):
            blocks.append({"type": "actions", "elements": elements})
        kept = {"event_type": _EVENT, "event_payload": {"incident": incident.id, "sequence": entry.sequence}}
        return {"channel": self._channel, "text": _escaped(told.line), "blocks": blocks, "metadata": kept}


def _buttons(incident: Incident, told: ChannelMessage) -> Iterator[Mapping[str, object]]:
    if not incident.status.over:
        if not incident.attention.acknowledged_by:
            yield _button("Acknowledge", "acknowledge", incident.id)
        for number, record in enumerate(incident.actions.values()):
            if record.status in _WAITING:
                yield from _decisions(record, number)
    if told.link:
        yield {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": told.link, "action_id": "open"}


def _decisions(record: ActionRecord, number: int) -> Iterator[Mapping[str, object]]:
    step, what = record.step, f"{record.step.action} on {record.step.target}"
    sure = {
        "title": {"type": "plain_text", "text": "Really?"},
        "text": {"type": "plain_text", "text": f"Akeso will {what}."[:300]},
        "confirm": {"type": "plain_text", "text": "Do it"},
        "deny": {"type": "plain_text", "text": "No"},
    }
    yield {**_button(f"Approve {what}", f"approve.{number}", step.id), "style": "primary", "confirm": sure}
    yield _button("Preview", f"preview.{number}", step.id)
    yield {**_button("Reject", f"reject.{number}", step.id), "style": "danger"}


def _button(text: str, verb: str, value: str) -> dict[str, object]:
    label = {"type": "plain_text", "text": text[:75]}
    return {"type": "button", "text": label, "action_id": f"akeso.{verb}", "value": value}


def _escaped(text: str) -> str:
    # Slack's own markup: without this a name in telemetry could call a whole channel.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
