"""Changes, as a pipeline tells them: Akeso's own form, CDEvents as CloudEvents, or PagerDuty's change events.

https://cdevents.dev/docs/continuous-deployment/ and https://developer.pagerduty.com/docs/send-change-event
"""

from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.otel.resource import identity
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.happening import Changed
from akeso.worlds.observation import Observation

# What a world calls a change, in the words that an endpoint for changes has.
_KINDS = {"deploy": "deploy", "rollback": "deploy", "revert": "deploy", "config": "config", "flag": "flag"}
_KINDS |= {"scale": "scale", "retire": "scale", "rename": "config"}
_CDEVENTS = {"deploy": "service.deployed", "rollback": "service.rolledback", "revert": "service.rolledback"}
_CDEVENTS |= {"retire": "service.removed", "config": "environment.modified", "flag": "environment.modified"}


class ChangeOptions(BaseModel):
    """How changes are told; seconds between a change and its being told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["changes", "cdevents", "pagerduty"] = "changes"
    after_s: float = 2.0


class Changes:
    """Every change that the team's tools tell at all."""

    name: ClassVar[str] = "changes"
    Options: ClassVar[type[BaseModel]] = ChangeOptions
    default_every_s: ClassVar[float] = 1.0

    def __init__(self, assignment: Assignment, options: ChangeOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options, self._outbox = assignment, options, Outbox()
        self._count = 0

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for happening in observation.happenings:
            if isinstance(happening, Changed) and happening.told and self._mine(happening.service):
                self._count += 1
                self._outbox.put(self._delivery(happening))

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)

    def _mine(self, service: str) -> bool:
        return self._assignment.estate.row_of.get(service, -1) in self._assignment.services

    def _delivery(self, changed: Changed) -> Delivery:
        at = changed.at + round(self._options.after_s * SECOND)
        match self._options.format:
            case "changes":
                return _sent(at, "ci", "/api/v1/changes", "application/json", _plain(changed))
            case "pagerduty":
                return _sent(at, "ci", "/v2/change/enqueue", "application/json", _pagerduty(changed))
            case _:
                event = self._cdevent(changed)
                return _sent(at, "ci", "/api/v1/events", "application/cloudevents+json", event)

    def _cdevent(self, changed: Changed) -> dict[str, Any]:
        subject = _CDEVENTS.get(changed.kind, "environment.modified")
        kind = f"dev.cdevents.{subject}.0.2.0"
        name = self._assignment.estate.environment
        number = identity(f"{self._assignment.seed}/{self._count}")
        artifact = f"pkg:oci/{changed.service}@{changed.to}"
        data = {
            "context": {
                "version": "0.4.1",
                "id": number,
                "source": "/ci/deploy",
                "type": kind,
                "timestamp": _iso(changed.at),
            },
            "subject": {
                "id": changed.service,
                "source": "/ci/deploy",
                "type": subject.partition(".")[0],
                "content": {"environment": {"id": name}, "artifactId": artifact, "service": changed.service},
            },
        }
        return {
            "specversion": "1.0",
            "id": number,
            "source": "/ci/deploy",
            "type": kind,
            "subject": changed.service,
            "time": _iso(changed.at),
            "datacontenttype": "application/json",
            "data": data,
        }


def _plain(changed: Changed) -> dict[str, Any]:
    told = {"service": changed.service, "kind": _KINDS.get(changed.kind, "config"), "version": changed.to}
    return {**told, "at": _iso(changed.at), "by": changed.by, "labels": {"change": changed.kind}}


def _pagerduty(changed: Changed) -> dict[str, Any]:
    payload = {
        "summary": f"{changed.kind} of {changed.service}: {changed.to}",
        "source": changed.by,
        "timestamp": _iso(changed.at),
        "custom_details": {"service": changed.service, "kind": changed.kind, "version": changed.to},
    }
    return {"routing_key": "R0UTINGKEY0000000000000000000000", "payload": payload, "links": []}


def _sent(at: int, sender: str, path: str, media: str, body: dict[str, Any]) -> Delivery:
    return Delivery(at, sender, path, {"content-type": media, "user-agent": "curl/8.5.0"}, msgspec.json.encode(body))


def _iso(at: int) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%S}Z"
