"""What the list of incidents can be asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from akeso.domain.errors import InvalidInput
from akeso.domain.incident.incident import IncidentStatus
from akeso.faces.api.queries.paging import cursor_of, place_of
from akeso.faces.api.queries.parameters import SEVERITIES, labels_of, listed, named, sorted_by, utc
from akeso.ports.incident_list import IncidentFilter, IncidentPlace, IncidentRow, IncidentSort

_SORTS = {sort.value: sort for sort in IncidentSort}
_STATUSES = {status.value.lower(): status for status in IncidentStatus}


class IncidentQuestion(BaseModel):
    """Which incidents. service, kind (of fault), severity, status, owner: one or several with commas; open: whether it
    goes on; since, until: when it was detected; label: `name=value` of its alerts, all have to fit; fingerprint (or
    dedup_key): of an alert of it; q: words that it holds, each at least in its beginning; sort: detected_at,
    updated_at, onset_at, severity or service, with `-` downwards; cursor: `next` of the page before; view: `summary`
    leaves out what needs the time-line."""

    service: str = ""
    kind: str = ""
    severity: str = ""
    status: str = ""
    owner: str = ""
    open: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    label: list[str] = []
    fingerprint: str = ""
    q: str = Field(default="", max_length=500)
    sort: str = ""
    cursor: str = ""
    view: Literal["full", "summary"] = "full"
    limit: int = Field(default=100, ge=1, le=1000)


def wanted_incidents(asked: IncidentQuestion, tenant: str) -> IncidentFilter:
    """One more than the page holds, so that it is known whether another follows. Raises InvalidInput."""
    sort, descending = sorted_by(asked.sort, _SORTS, IncidentSort.DETECTED)
    return IncidentFilter(
        tenant,
        services=listed(asked.service),
        kinds=listed(asked.kind),
        severities=named("severity", asked.severity, SEVERITIES),
        statuses=named("status", asked.status, _STATUSES),
        owners=listed(asked.owner),
        open=asked.open,
        since=utc(asked.since),
        until=utc(asked.until),
        labels=labels_of(asked.label),
        fingerprint=asked.fingerprint,
        text=asked.q,
        sort=sort,
        descending=descending,
        after=_place(asked.cursor, sort, descending=descending) if asked.cursor else None,
        limit=asked.limit + 1,
    )


def next_page(asked: IncidentQuestion, rows: Sequence[IncidentRow]) -> str | None:
    """The cursor of the page after one that shows the first `asked.limit` of `rows`; None when there is none."""
    if len(rows) <= asked.limit:
        return None
    sort, descending = sorted_by(asked.sort, _SORTS, IncidentSort.DETECTED)
    place = rows[asked.limit - 1].place(sort)
    return cursor_of((_order(sort, descending=descending), place.value, str(place.number)))


def _order(sort: IncidentSort, *, descending: bool) -> str:
    return f"{'-' if descending else ''}{sort.value}"


def _place(cursor: str, sort: IncidentSort, *, descending: bool) -> IncidentPlace:
    order, value, number = place_of(cursor)
    if order != _order(sort, descending=descending):
        raise InvalidInput("cursor", f"is of a list sorted by {order[:50]}, not {_order(sort, descending=descending)}")
    if not number.isdecimal() or len(number) > 18:
        raise InvalidInput("cursor", "is none that a page gave")
    return IncidentPlace(value, int(number))
