"""What Slack sends when somebody presses a button: who vouches for it, and what it says.

https://docs.slack.dev/authentication/verifying-requests-from-slack and
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from akeso.domain.errors import Conflict, Forbidden, InvalidInput

WINDOW = timedelta(minutes=5)
PREFIX = "akeso."


@dataclass(frozen=True, slots=True)
class Press:
    """user: Slack's id of who pressed; verb: what the button is for; target: the incident or step; reply_to: where
    words about it may be sent, "" for nowhere."""

    user: str
    verb: str
    target: str
    reply_to: str = ""


class SlackSignatures:
    """Requests that Slack signed, lately, and each once."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._seen: dict[str, datetime] = {}

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """headers: by lower-case name. Raises Forbidden for what Slack did not sign or what is old, Conflict for what
        came before."""
        stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if not self._secret or not stamp.isascii() or not stamp.isdigit() or not signature.isascii():
            raise Forbidden("the request is not signed")
        signed = hmac.new(self._secret, b"v0:" + stamp.encode() + b":" + body, "sha256").hexdigest()
        if not hmac.compare_digest(f"v0={signed}", signature):
            raise Forbidden("the signature is not Slack's")
        if abs(now.timestamp() - int(stamp)) > WINDOW.total_seconds():
            raise Forbidden("the request is too old")
        self._seen = {each: at for each, at in self._seen.items() if now - at <= 2 * WINDOW}
        if signature in self._seen:
            raise Conflict("the request came before")
        self._seen[signature] = now


def presses(body: bytes) -> tuple[Press, ...]:
    """The buttons of Akeso's that were pressed. Raises InvalidInput naming the field."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
        payload = json.loads(fields["payload"][0])
        user, reply_to = payload["user"]["id"], payload.get("response_url", "")
        found = [_press(str(user), str(reply_to), action) for action in payload.get("actions", ())]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as bad:
        raise InvalidInput("payload", "is no interaction of Slack's") from bad
    return tuple(press for press in found if press is not None)


def _press(user: str, reply_to: str, action: Mapping[str, Any]) -> Press | None:
    # A button may stand once in a block only: what follows the verb tells it from others.
    name = str(action["action_id"])
    if not name.startswith(PREFIX):
        return None
    return Press(user, name.removeprefix(PREFIX).partition(".")[0], str(action["value"]), reply_to)
