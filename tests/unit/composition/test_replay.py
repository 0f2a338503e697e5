from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.composition.recordings import Recording
from akeso.composition.replay import ReplayReport, ReplaySystem
from akeso.config.settings import Settings
from akeso.domain.incident.incident import IncidentStatus
from akeso.domain.telemetry.batches import NANOSECONDS, Change, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.faces.replay_views import report_view
from akeso.stages.healing.own_changes import BY
from akeso.testing.recorded.recording import BEGAN, sick_shop

SICK_AT = BEGAN + 50 * NANOSECONDS
SERVICES = "services: {cart: {bindings: {process: {kind: supervisord, url: 'http://127.0.0.1:9/never', group: cart}}}}"


def settings(folder: Path, **more: Any) -> Settings:
    (folder / "services.yaml").write_text(SERVICES)
    return Settings(data=folder, services=folder / "services.yaml", **more)


async def replayed(folder: Path, quiet_until: int = 0, changed: Change | None = None, **more: Any) -> ReplayReport:
    """changed: what the recording says of a change."""
    replaying = await ReplaySystem.open(settings(folder, **more), quiet_until)

    async def recording() -> AsyncIterator[TelemetryBatch]:
        told = changed
        for batch in sick_shop(replaying.ingest_table, well_s=20):
            if told is not None and batch.received_at > told.at.timestamp() * 1e9:
                yield TelemetryBatch("default", batch.received_at, changes=(told,), author="shop")
                told = None
            yield batch

    try:
        return await replaying.run(recording())
    finally:
        await replaying.close()


async def test_a_recorded_fault_becomes_one_incident_with_a_cause_a_plan_and_a_verdict(tmp_path: Path) -> None:
    report = await replayed(tmp_path, trust="auto", dry_run=False)
    (incident,) = report.incidents
    assert incident.service == "cart"
    assert incident.diagnosis is not None
    assert incident.diagnosis.best is not None
    assert incident.diagnosis.best.service == "cart"
    assert 0 < incident.detected_at.timestamp() - SICK_AT / 1e9 < 6
    (step,) = report.would_act
    record = incident.actions[step]
    assert (record.step.target, record.verdict, record.intended_at) == ("cart", "allow", None)
    assert incident.status is IncidentStatus.RESOLVED
    assert incident.why.startswith("recovered by itself")
    assert report.recorded_s == pytest.approx(81.5)
    assert report.speed > 5


async def test_an_effect_that_the_recording_shows_is_verified_as_it_was(tmp_path: Path) -> None:
    at = datetime.fromtimestamp(SICK_AT / 1e9 + 8, UTC)
    by_akeso = Change("cart", "restart", "", at, BY)
    report = await replayed(tmp_path, changed=by_akeso, trust="auto", dry_run=False)
    (incident,) = report.incidents
    (step,) = report.would_act
    record = incident.actions[step]
    assert (record.step.action, record.status.value) == ("restart", "applied")
    assert record.detail == "as the recording shows"
    assert incident.verification is not None
    assert incident.verification.recovery.value == "recovered"
    assert incident.status is IncidentStatus.RESOLVED
    (tmp_path / "again").mkdir()
    by_somebody = replace(by_akeso, by="ann")
    report = await replayed(tmp_path / "again", changed=by_somebody, trust="auto", dry_run=False)
    assert report.incidents[0].verification is None


async def test_with_dry_run_nothing_would_be_done_by_itself_and_people_are_asked(tmp_path: Path) -> None:
    report = await replayed(tmp_path)
    (incident,) = report.incidents
    assert report.would_act == {}
    asked = [r for r in incident.actions.values() if r.approvers]
    assert [r.step.target for r in asked] == ["cart"]
    assert asked[0].preview.startswith(f"would {asked[0].step.action} cart")


async def test_the_same_recording_leads_to_the_same_every_time(tmp_path: Path) -> None:
    views: list[Any] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        report = await replayed(tmp_path / name)
        views.append({**report_view(report), "wall_s": 0, "cpu_s": 0, "speed": 0})
        views.append([[a.id for a in d.raised] for d in report.decisions])
    assert views[:2] == views[2:]


async def test_what_comes_before_the_range_only_teaches(tmp_path: Path) -> None:
    report = await replayed(tmp_path, quiet_until=SICK_AT + 20 * NANOSECONDS)
    assert report.incidents == ()
    assert report.decisions == ()


async def test_a_database_is_replayed_as_it_was_stored(tmp_path: Path) -> None:
    table = SeriesTable()
    store = SqliteTelemetryStore(tmp_path / "t.db", table)
    for batch in sick_shop(table, 5, 0):
        await store.append(batch)
    await store.close()
    replaying = await ReplaySystem.open(settings(tmp_path))
    recording = Recording(tmp_path / "t.db").batches(replaying.ingest_table, settings(tmp_path))
    report = await replaying.run(recording)
    await replaying.close()
    assert (report.played.batches, report.played.first) == (30, BEGAN + 40_000_000)
    assert report.played.points == 30 * 61
    assert report.slots >= 14
