"""Change events: somebody deployed, configured, scaled or flipped something."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import Change, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import moment, nanoseconds
from akeso.protocols.json_body import accept_json, parse_json, refuse_json


class _Change(msgspec.Struct, frozen=True):
    service: Annotated[str, Meta(min_length=1, max_length=256)]
    kind: Literal["deploy", "config", "scale", "flag"]
    version: str = ""
    at: str | float | None = None
    by: str = ""
    url: str = ""
    labels: dict[str, str] | None = None


class ChangeEvents:
    """One change, or an array of them. `at` defaults to the arrival."""

    name = "change_events"
    paths = ("/api/v1/changes",)

    def __init__(self) -> None:
        self._one = msgspec.json.Decoder(_Change)
        self._many = msgspec.json.Decoder(list[_Change])

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        if request.body.lstrip()[:1] == b"[":
            found = parse_json(self._many, request.body)
            places = [f"[{index}].at" for index in range(len(found))]
        else:
            found, places = [parse_json(self._one, request.body)], ["at"]
        changes = tuple(_change(item, request.received_at, at) for item, at in zip(found, places, strict=True))
        answer = accept_json({"status": "accepted", "accepted": len(changes)}, 202)
        return Intake(TelemetryBatch(request.tenant, request.received_at, changes=changes), answer)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)


def _change(change: _Change, received_at: int, place: str) -> Change:
    at = received_at if change.at is None else nanoseconds(change.at, place)
    labels = tuple(sorted((change.labels or {}).items()))
    return Change(change.service, change.kind, change.version, moment(at), change.by, change.url, labels)
