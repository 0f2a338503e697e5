"""Tell another system of an incident by HTTP."""

import base64
import hmac
import json
import time
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from typing import ClassVar

from akeso.domain.errors import InvalidInput
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import headline, notice_of
from akeso.targets.channel import http_address
from akeso.targets.http import call

_ENCODED = "whsec_"


class Webhook:
    """POST of a JSON object to `url`, signed as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com) where
    a secret is given: `webhook-signature` is v1 and the HMAC-SHA256 of id, timestamp and body. The id is the same
    however often an event is told. A 2xx means that it was taken.

    secret: base64 after `whsec_`, or any text. call_s: seconds for an answer. now: Unix seconds.
    """

    name = "webhook"
    example_options: ClassVar[Mapping[str, object]] = {
        "url": "http://127.0.0.1:9004/incidents",
        "secret": "whsec_c2lnbmVkIGJ5IEFrZXNv",
    }

    def __init__(self, url: str, secret: str = "", call_s: float = 10.0, now: Callable[[], float] = time.time) -> None:
        """Raises InvalidInput naming the option."""
        self._url, self._key, self._call_s, self._now = http_address("url", url), _key(secret), call_s, now

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises ActionFailed when it was refused or never sent, Unavailable when nobody can tell."""
        body = json.dumps(_body(incident, entry), ensure_ascii=False).encode()
        headers = {"content-type": "application/json", **self._signed(f"{entry.incident}-{entry.sequence}", body)}
        await call("POST", self._url, self._call_s, body, headers)

    def _signed(self, identity: str, body: bytes) -> Mapping[str, str]:
        stamp = str(int(self._now()))
        known = {"webhook-id": identity, "webhook-timestamp": stamp}
        if not self._key:
            return known
        digest = hmac.digest(self._key, b".".join((identity.encode(), stamp.encode(), body)), "sha256")
        return {**known, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def _key(secret: str) -> bytes:
    if not secret.startswith(_ENCODED):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
    except NoBase64 as bad:
        raise InvalidInput("secret", f"after {_ENCODED} base64 is wanted: {bad}") from bad


def _body(incident: Incident, entry: Entry) -> Mapping[str, object]:
    return {
        "notice": notice_of(entry.event),
        "headline": headline(incident, entry.event),
        "incident": incident.id,
        "sequence": entry.sequence,
        "at": entry.at.isoformat(),
        "tenant": incident.tenant,
        "service": incident.service,
        "severity": incident.severity.name.lower(),
        "status": incident.status.value,
        "title": incident.title,
    }
