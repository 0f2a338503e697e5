"""Change events: somebody deployed, configured, scaled or flipped something."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import Change, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import moment, nanoseconds
from akeso.protocols.json_body import parse_json, refuse_json
from akeso.protocols.json_items import JsonItems, accept_items
from akeso.protocols.rejections import Rejections


class _Change(msgspec.Struct, frozen=True):
    service: Annotated[str, Meta(min_length=1, max_length=256)]
    kind: Literal["deploy", "config", "scale", "flag"]
    version: str = ""
    at: str | int | float | None = None
    by: str = ""
    url: str = ""
    labels: dict[str, str] | None = None


class ChangeEvents:
    """One change, or an array of them, of which those that do not fit are left out and named. `at` defaults to the
    arrival."""

    name = "change_events"
    paths = ("/api/v1/changes",)

    def __init__(self) -> None:
        self._one = msgspec.json.Decoder(_Change)
        self._many = JsonItems(_Change)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        if request.body.lstrip()[:1] == b"[":
            found, places = self._many.decode_array(request.body, rejections)
        else:
            found, places = [parse_json(self._one, request.body)], [""]
        told = zip(places, found, strict=True)
        changes = tuple(rejections.sift(told, lambda each: _change(each, request.received_at)))
        rejections.check(len(changes))
        return accept_items(
            TelemetryBatch(request.tenant, request.received_at, changes=changes), rejections, len(changes)
        )

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)


def _change(change: _Change, received_at: int) -> Change:
    at = received_at if change.at is None else nanoseconds(change.at, "at")
    labels = tuple(sorted((change.labels or {}).items()))
    return Change(change.service, change.kind, change.version, moment(at), change.by, change.url, labels)
