import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.composition.recordings import Recording, recording_of
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.requests.otlp import AT, Metrics, as_json, logs_request, trace_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * NANOSECONDS
WARM = timedelta(minutes=10)


async def own(folder: Path) -> Settings:
    settings = Settings(data=folder)
    store = SqliteTelemetryStore(folder / "telemetry.db", SeriesTable())
    for minute in range(60):
        await store.append(TelemetryBatch("default", NOW_NS - minute * 60 * NANOSECONDS))
    await store.close()
    return settings


async def arrivals(recording: Recording, settings: Settings) -> list[int]:
    return [batch.received_at async for batch in recording.batches(SeriesTable(), settings)]


async def test_the_last_minutes_come_with_what_warms_up(tmp_path: Path) -> None:
    settings = await own(tmp_path)
    recording = recording_of("5m", settings, NOW, WARM)
    assert recording.reported_from == NOW_NS - 300 * NANOSECONDS
    assert len(await arrivals(recording, settings)) == 16


async def test_a_range_ends_where_it_says(tmp_path: Path) -> None:
    settings = await own(tmp_path)
    recording = recording_of("2026-03-01T11:30:00+00:00/2026-03-01T11:40", settings, NOW, timedelta(0))
    found = await arrivals(recording, settings)
    assert (len(found), max(found)) == (11, NOW_NS - 1200 * NANOSECONDS)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("yesterday", "neither a file nor a range"),
        ("2026-03-01/never", "range.to: never"),
        ("2026-03-02/2026-03-01", "is not after"),
    ],
)
def test_what_is_neither_file_nor_range_is_named(tmp_path: Path, text: str, finding: str) -> None:
    with pytest.raises((InvalidInput, NotFound), match=finding):
        recording_of(text, Settings(data=tmp_path), NOW, WARM)


def test_a_range_needs_telemetry(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no telemetry"):
        recording_of("5m", Settings(data=tmp_path), NOW, WARM)


async def test_lines_of_otlp_and_of_log_records_arrive_at_their_newest_stamp(tmp_path: Path) -> None:
    metrics = Metrics({"service.name": "cart"})
    metrics.gauge("queue", 3.0, at=AT + 5)
    span = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "name": "GET",
        "start_time_unix_nano": AT,
        "end_time_unix_nano": AT + 9,
    }
    requests: list[Any] = [
        metrics.request,
        trace_request({"service.name": "cart"}, span),
        logs_request({"service.name": "cart"}, {"body": "late", "time_unix_nano": AT}),
    ]
    lines = [as_json(each).decode() for each in requests]
    lines.append(json.dumps({"timestamp": (AT + 20) / 1e9, "service": "cart", "level": "info", "message": "hello"}))
    (tmp_path / "recorded.jsonl").write_text("\n".join(lines) + "\n\n")
    settings = Settings(data=tmp_path)
    recording = recording_of(str(tmp_path / "recorded.jsonl"), settings, NOW, WARM)
    batches = [batch async for batch in recording.batches(SeriesTable(), settings)]
    assert [len(batch) for batch in batches] == [1, 1, 1, 1]
    assert [batch.received_at - AT for batch in batches[:3]] == [5, 9, 9]
    assert batches[3].received_at >= batches[2].received_at


@pytest.mark.parametrize("line", ["[1]", "{", '{"service": 3}'])
async def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.jsonl").write_text(f'{{"service": "a", "message": "b"}}\n{line}\n')
    with pytest.raises(InvalidInput, match=r"bad\.jsonl, line 2"):
        await arrivals(Recording(tmp_path / "bad.jsonl"), Settings(data=tmp_path))


async def test_a_database_without_telemetry_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(InvalidInput, match="no telemetry database"):
        await arrivals(Recording(tmp_path / "other.db"), Settings(data=tmp_path))
