"""Webhooks of tools that Akeso does not know, read as the settings say."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, plain
from akeso.protocols.alertmanager import severity_named
from akeso.protocols.json_body import parse_json
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.rejections import Rejections

_PATH = "/api/v1/webhooks/"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")
_MOST = 10_000
_OVER = ("resolved", "ok", "up", "closed", "recovered", "normal", "inactive", "success", "0", "false")
_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where a webhook's body holds what an alert needs: paths like `check.name`, `tags[0]`, or `$` for the whole.

    items: the array of alerts, "" where the body is one. title, service, severity, status, time: of an alert. identity:
    what begins and what ends have in common; title and service where it is "". resolved: the values of status that mean
    that it is over, in any case; what is neither there nor one of these is firing. labels: the object whose fields
    become labels.
    """

    title: str = "title"
    service: str = "service"
    severity: str = "severity"
    status: str = "status"
    identity: str = "id"
    time: str = "time"
    labels: str = "labels"
    items: str = ""
    resolved: tuple[str, ...] = _OVER


class Webhook(AlertWebhook):
    """One path for each mapping: `/api/v1/webhooks/<name>`. `default` is there without settings.

    mappings: by name; every field has the default of its own name, so a tool that can write its body needs none.
    """

    name = "webhook"

    def __init__(
        self,
        mappings: Mapping[str, Mapping[str, object]] | None = None,
        service_labels: tuple[str, ...] = SERVICE_LABELS,
    ) -> None:
        super().__init__(service_labels)
        self._mappings = {"default": Mapped()} | {name: _mapped(name, told) for name, told in (mappings or {}).items()}
        self.paths = tuple(f"{_PATH}{name}" for name in self._mappings)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        mapped = self._mappings[request.path.rstrip("/").removeprefix(_PATH)]
        body = parse_json(_ANYTHING, request.body)
        items = _found(body, mapped.items) if mapped.items else body
        if not isinstance(items, list):
            return [("", _told(items, mapped))]
        if len(items) > _MOST:
            raise InvalidInput(mapped.items or "body", f"holds more than {_MOST} alerts")
        told = ((f"{mapped.items}[{index}]", item) for index, item in enumerate(items))
        places = ((place, (place, item)) for place, item in told)
        return rejections.sift(places, lambda each: (each[0], _told(each[1], mapped)))


def _told(item: Any, mapped: Mapped) -> Told:
    if not isinstance(item, Mapping):
        raise InvalidInput("body", "is no object")
    title, service = _text(item, mapped.title), _text(item, mapped.service)
    if not title:
        raise InvalidInput(mapped.title, "is missing; it has to be the alert's title")
    time = _found(item, mapped.time)
    return Told(
        identity=_text(item, mapped.identity) or f"{service}\0{title}",
        title=title,
        severity=severity_named(_text(item, mapped.severity)),
        over=_text(item, mapped.status).lower() in mapped.resolved,
        at=time if isinstance(time, str | int | float) else None,
        service=service,
        labels=plain(_found(item, mapped.labels)),
    )


def _text(item: Any, path: str) -> str:
    found = _found(item, path)
    return plain({"": found}).get("", "")


def _found(item: Any, path: str) -> Any:
    """What stands there, None where nothing does."""
    if path in {"$", ""}:
        return item if path else None
    for name, index in _STEP.findall(path):
        if name and isinstance(item, Mapping):
            item = item.get(name)
        elif index and isinstance(item, list) and int(index) < len(item):
            item = item[int(index)]
        else:
            return None
    return item


def _mapped(name: str, told: Mapping[str, object]) -> Mapped:
    place = f"sources.webhook.mappings.{name}"
    if not _NAME.fullmatch(name):
        raise InvalidSettings(place, "has to be a name of small letters, digits and dashes")
    if unknown := told.keys() - Mapped.__slots__:
        raise InvalidSettings(f"{place}.{min(unknown)}", "is no field of an alert")
    try:
        mapped = TypeAdapter(Mapped).validate_python(dict(told))
    except ValidationError as bad:
        raise InvalidSettings(f"{place}.{bad.errors()[0]['loc'][0]}", bad.errors()[0]["msg"]) from bad
    return TypeAdapter(Mapped).validate_python(dict(told) | {"resolved": tuple(map(str.lower, mapped.resolved))})
