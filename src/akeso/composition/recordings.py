"""What can be replayed: a telemetry database, a stretch of one's own, a folder of Parquet, or lines of OTLP/JSON and of
JSON log records."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from akeso.adapters.telemetry.recording import Stretch, open_recording, stored_batches
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidInput, InvalidSettings, NotFound
from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import epoch_ns
from akeso.plugins.discovery import build
from akeso.ports.source import IngestRequest, Source

_DATABASE = b"SQLite format 3\0"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LAST = re.compile(r"(\d+)([smhd])")
# A line of JSON is an OTLP request when it has one of these, as the collector's file exporter writes them.
_REQUESTS = MappingProxyType(
    {"resourceMetrics": "/v1/metrics", "resourceLogs": "/v1/logs", "resourceSpans": "/v1/traces"}
)
_RECORDS = "/api/v1/logs"


@dataclass(frozen=True, slots=True)
class Recording:
    """Where it is, and which part of it. reported_from: what comes before (ns) only teaches."""

    path: Path
    stretch: Stretch = field(default_factory=Stretch)
    reported_from: int = 0

    def batches(self, table: SeriesTable, settings: Settings) -> AsyncIterator[TelemetryBatch]:
        """Everything in the order of arrival, its series interned in `table`. Raises InvalidInput for what is no
        recording."""
        if self.path.is_dir():
            return _of_folder(self.path, table)
        if _is_database(self.path):
            return _of_database(self.path, table, self.stretch)
        return _of_lines(self.path, table, settings)


def recording_of(text: str, settings: Settings, now: datetime, warm_up: timedelta) -> Recording:
    """A path, or a range of the installation's own telemetry: `FROM/TO` in ISO 8601, or the last `30m`, `6h`, `1d`.

    warm_up: how much before a range is replayed as well, for baselines. Raises NotFound and InvalidInput."""
    path = Path(text)
    if path.exists():
        return Recording(path)
    start, end = _range(text, now)
    own = settings.data / "telemetry.db"
    if not own.exists():
        raise NotFound(f"there is no telemetry at {own}")
    before = round(warm_up.total_seconds() * NANOSECONDS)
    return Recording(own, Stretch(max(start - before, 0), end), start)


def length_of(text: str) -> timedelta:
    """`45s`, `30m`, `6h`, `1d`. Raises InvalidInput."""
    found = _LAST.fullmatch(text)
    if found is None:
        raise InvalidInput("range", f"{text} is not a number of s, m, h or d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _range(text: str, now: datetime) -> tuple[int, int]:
    if _LAST.fullmatch(text):
        return epoch_ns(now - length_of(text)), epoch_ns(now)
    first, slash, second = text.partition("/")
    if not slash or not second:
        raise NotFound(f"{text} is neither a file nor a range (FROM/TO, or the last 30m, 6h, 1d)")
    start, end = _instant(first, "from"), _instant(second, "to")
    if end <= start:
        raise InvalidInput("range", f"{second} is not after {first}")
    return start, end


def _instant(text: str, field: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as bad:
        raise InvalidInput(f"range.{field}", f"{text} is no instant in ISO 8601") from bad
    return epoch_ns(found if found.tzinfo else found.replace(tzinfo=UTC))


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_DATABASE)) == _DATABASE


async def _of_database(path: Path, table: SeriesTable, stretch: Stretch) -> AsyncIterator[TelemetryBatch]:
    async for _, batch in stored_batches(open_recording(path), table, stretch, page=256):
        yield batch


async def _of_folder(path: Path, table: SeriesTable) -> AsyncIterator[TelemetryBatch]:
    try:
        from akeso.adapters.telemetry.parquet import exported_batches  # extra [parquet]
    except ImportError as bad:
        raise InvalidSettings(str(path), "needs the extra: pip install 'akeso[parquet]'") from bad
    for batch in exported_batches(path, table):
        yield batch


async def _of_lines(path: Path, table: SeriesTable, settings: Settings) -> AsyncIterator[TelemetryBatch]:
    sources: dict[str, Source] = build("sources", settings.sources)
    sources_by_path = {path: source for source in sources.values() for path in source.paths}
    newest = 0
    for number, line in _lines(path):
        batch = _decoded(line, f"{path.name}, line {number}", sources_by_path, settings.tenant, table)
        # Nobody wrote down when it arrived: not before its newest stamp, and not before what stands above it.
        newest = max(newest, _newest(batch))
        yield replace(batch, received_at=newest)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _decoded(line: bytes, place: str, sources: dict[str, Source], tenant: str, table: SeriesTable) -> TelemetryBatch:
    try:
        path = _path(msgspec.json.decode(line))
        headers = {"content-type": "application/json"}
        return sources[path].decode(IngestRequest(path, headers, line, tenant, 0), table).batch
    except (msgspec.DecodeError, InvalidInput) as bad:
        raise InvalidInput(place, str(bad)) from bad


def _path(content: Any) -> str:
    if not isinstance(content, dict):
        raise InvalidInput("line", "is no JSON object")
    return next((path for name, path in _REQUESTS.items() if name in content), _RECORDS)


def _newest(batch: TelemetryBatch) -> int:
    columns = [batch.metrics.time, *(logs.time for logs in batch.logs), *(spans.end for spans in batch.spans)]
    return max((int(column.max()) for column in columns if len(column)), default=0)
