"""Problems of Zabbix, by a webhook media type. https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, single
from akeso.protocols.json_body import parse_json
from akeso.protocols.rejections import Rejections

_SEVERITIES = {
    "disaster": Severity.CRITICAL,
    "5": Severity.CRITICAL,
    "high": Severity.ERROR,
    "4": Severity.ERROR,
    "average": Severity.WARNING,
    "3": Severity.WARNING,
    "warning": Severity.WARNING,
    "2": Severity.WARNING,
}


class _Tag(msgspec.Struct, frozen=True):
    tag: str
    value: str = ""


_TAGS = msgspec.json.Decoder(list[_Tag])


class _Problem(msgspec.Struct, frozen=True):
    event_id: str
    event_value: str
    event_name: str = ""
    event_severity: str = ""
    event_update_status: str = "0"
    event_time: str = ""
    event_tags: Any = None
    trigger_id: str = ""
    trigger_description: str = ""
    host_name: str = ""
    host_ip: str = ""
    item_value: str = ""
    url: str = ""


class Zabbix(AlertWebhook):
    """What the script of docs/senders.md sends of a problem and of its recovery; both have the problem's `event_id`.
    Somebody's update (`event_update_status` 1) changes nothing. A macro that Zabbix could not resolve is absent."""

    name = "zabbix"
    paths = ("/api/v1/alerts/zabbix",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        problem = one_of(_Problem, request)
        if problem.event_update_status == "1":
            return single(None)
        if problem.event_value not in {"0", "1"}:
            raise InvalidInput("event_value", "has to be 1 for a problem or 0 for its recovery")
        host = _known(problem.host_name)
        labels = _tags(problem.event_tags, rejections) | {"host": host, "trigger_id": _known(problem.trigger_id)}
        return single(
            Told(
                identity=problem.event_id,
                title=_known(problem.event_name),
                severity=_SEVERITIES.get(problem.event_severity.lower(), Severity.INFO),
                over=problem.event_value == "0",
                at=_known(problem.event_time) or None,
                service=host,
                labels=labels,
                notes={
                    "description": _known(problem.trigger_description),
                    "address": _known(problem.host_ip),
                    "value": _known(problem.item_value),
                    "url": _known(problem.url),
                },
            )
        )


def _known(macro: str) -> str:
    return "" if macro == "*UNKNOWN*" or (macro.startswith("{") and macro.endswith("}")) else macro


def _tags(told: Any, rejections: Rejections) -> dict[str, str]:
    """`{EVENT.TAGSJSON}`, as text or as the array itself."""
    found: list[_Tag] = []
    with suppress(InvalidInput, msgspec.ValidationError):
        found = (
            parse_json(_TAGS, told.encode())
            if isinstance(told, str) and told
            else msgspec.convert(told or [], list[_Tag])
        )
        return {each.tag: each.value or "true" for each in found}
    rejections.omit("event_tags")
    return {}
