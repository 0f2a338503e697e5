import json
from datetime import UTC, datetime
from typing import Any

import pytest

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Change
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.change_events import ChangeEvents
from akeso.testing.requests.sources import request_to

DEPLOY: dict[str, Any] = {
    "service": "cart",
    "kind": "deploy",
    "version": "2.1",
    "at": "2026-03-01T12:00:00Z",
    "by": "ann",
    "url": "https://ci/7",
    "labels": {"team": "shop", "branch": "main"},
}


def changes_of(body: object) -> tuple[Change, ...]:
    intake = ChangeEvents().decode(request_to("/api/v1/changes", json.dumps(body).encode()), SeriesTable())
    assert intake.answer.status == 202
    assert json.loads(intake.answer.body) == {"status": "accepted", "accepted": len(intake.batch.changes)}
    return intake.batch.changes


def test_one_change_is_taken() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    labels = (("branch", "main"), ("team", "shop"))
    assert changes_of(DEPLOY) == (Change("cart", "deploy", "2.1", at, "ann", "https://ci/7", labels),)


def test_an_array_of_changes_is_taken() -> None:
    assert [change.kind for change in changes_of([DEPLOY, DEPLOY | {"kind": "flag"}])] == ["deploy", "flag"]


def test_a_change_without_a_time_is_of_its_arrival() -> None:
    (change,) = changes_of({"service": "cart", "kind": "config"})
    assert change.at == datetime.fromtimestamp(1_700_000_001, UTC)
    assert (change.version, change.by, change.labels) == ("", "", ())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (DEPLOY | {"kind": "party"}, "kind"),
        (DEPLOY | {"service": 5}, "service"),
        (DEPLOY | {"at": "noon"}, "at"),
        ([DEPLOY | {"at": "noon"}], "[0].at"),
        ([{"kind": "deploy"}], "[0].service"),
        ("deploy", "body"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(body: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        changes_of(body)
    assert refused.value.field == field


@pytest.mark.parametrize("field", ["version", "at", "by", "url", "labels"])
def test_null_is_absent(field: str) -> None:
    given, absent = DEPLOY | {field: None}, {name: value for name, value in DEPLOY.items() if name != field}
    assert changes_of(given) == changes_of(absent)
