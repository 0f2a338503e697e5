"""Exported telemetry back to batches, in the order in which they were written."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from akeso.adapters.telemetry.parquet_schema import SCHEMAS
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import (
    Attributes,
    Change,
    LogBlock,
    MetricBlock,
    SeriesKey,
    SpanBlock,
    TelemetryBatch,
)
from akeso.domain.telemetry.batches import Temporality as Told
from akeso.domain.telemetry.series import SeriesTable

_READ = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Part: TypeAlias = tuple[int, Any]  # the number of a batch, and its rows of one kind


def exported_batches(folder: Path, table: SeriesTable) -> Iterator[TelemetryBatch]:
    """Every batch, its series interned in `table`. Raises InvalidInput for a folder that is no export."""
    parts = {kind: _parts(folder / kind, kind) for kind in SCHEMAS if (folder / kind).is_dir()}
    if not parts:
        raise InvalidInput(str(folder), f"holds none of {', '.join(SCHEMAS)}")
    reader = _Reader(table)
    heads = {kind: head for kind, rest in parts.items() if (head := next(rest, None)) is not None}
    while heads:
        number = min(first for first, _ in heads.values())
        mine = {kind: rows for kind, (first, rows) in heads.items() if first == number}
        yield reader.batch(mine)
        for kind in mine:
            following = next(parts[kind], None)
            if following is None:
                del heads[kind]
            else:
                heads[kind] = following


def _parts(folder: Path, kind: str) -> Iterator[_Part]:
    # A batch may go on in the next piece, so its rows are held back until another batch begins.
    held: list[_Part] = []
    for piece in _pieces(folder, kind):
        numbers = piece["batch"].to_numpy()
        bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, end in pairwise(bounds):
            if held and held[0][0] != int(numbers[start]):
                yield _whole(held)
                held = []
            held.append((int(numbers[start]), piece.slice(start, end - start)))
    if held:
        yield _whole(held)


def _whole(held: list[_Part]) -> _Part:
    return held[0][0], pa.concat_tables([rows for _, rows in held]).combine_chunks() if len(held) > 1 else held[0][1]


def _pieces(folder: Path, kind: str) -> Iterator[Any]:
    for path in sorted(folder.glob("*.parquet")):
        try:
            for piece in pq.ParquetFile(path).iter_batches(_READ):
                rows = (
                    _with_links(pa.Table.from_batches([piece])) if kind == "spans" else pa.Table.from_batches([piece])
                )
                yield rows.select(SCHEMAS[kind].names).cast(SCHEMAS[kind])
        except (pa.ArrowException, OSError, KeyError) as bad:
            raise InvalidInput(str(path), f"holds no exported {kind}: {bad}") from bad


def _with_links(rows: Any) -> Any:
    """Spans that were exported before links were kept have none."""
    if "link" in rows.column_names:
        return rows
    return rows.append_column("link", pa.array(np.zeros(len(rows), np.uint64)))


class _Reader:
    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._ids: dict[int, int] = {}

    def batch(self, parts: dict[str, Any]) -> TelemetryBatch:
        some = next(iter(parts.values()))
        return TelemetryBatch(
            some["tenant"][0].as_py(),
            int(_ints(some["received_at"])[0]),
            self._metrics(parts["metrics"]) if "metrics" in parts else MetricBlock.empty(),
            tuple(map(_logs, _blocks(parts.get("logs")))),
            tuple(map(_spans, _blocks(parts.get("spans")))),
            tuple(_changes(parts["changes"])) if "changes" in parts else (),
        )

    def _metrics(self, rows: Any) -> MetricBlock:
        series, first, index = np.unique(_numpy(rows["series"]), return_index=True, return_inverse=True)
        ids = [self._id(number, rows, place) for number, place in zip(series.tolist(), first.tolist(), strict=True)]
        return MetricBlock(np.array(ids, np.int32)[index], _ints(rows["time"]), _numpy(rows["value"]))

    def _id(self, number: int, rows: Any, place: int) -> int:
        found = self._ids.get(number)
        if found is None:
            tenant, service, metric, unit, stat = (
                rows[name][place].as_py() for name in ("tenant", "service", "metric", "unit", "stat")
            )
            attributes = _labels(rows["attributes"][place])
            temporality = Told(rows["temporality"][place].as_py())
            key = SeriesKey(tenant, service, metric, attributes, unit, temporality, stat)
            found = self._ids[number] = self._table.intern(key)
        return found


def _blocks(rows: Any) -> Iterator[Any]:
    if rows is None:
        return
    numbers = _numpy(rows["block"])
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for start, end in pairwise(bounds):
        yield rows.slice(start, end - start)


def _logs(rows: Any) -> LogBlock:
    return LogBlock(
        rows["service"][0].as_py(),
        _ints(rows["time"]),
        _numpy(rows["severity"]),
        tuple(rows["body"].to_pylist()),
        _numpy(rows["trace"]),
        _labels(rows["attributes"][0]),
    )


def _spans(rows: Any) -> SpanBlock:
    operation, peer = (rows[name].combine_chunks().dictionary_encode() for name in ("operation", "peer"))
    return SpanBlock(
        rows["service"][0].as_py(),
        tuple(operation.dictionary.to_pylist()),
        tuple(peer.dictionary.to_pylist()),
        _numpy(rows["trace"]),
        _numpy(rows["span"]),
        _numpy(rows["parent"]),
        operation.indices.to_numpy().astype(np.int32),
        peer.indices.to_numpy().astype(np.int32),
        _numpy(rows["kind"]),
        _ints(rows["start"]),
        _numpy(rows["duration_ns"]),
        _numpy(rows["error"]),
        _numpy(rows["link"]),
    )


def _changes(rows: Any) -> Iterator[Change]:
    texts = zip(*(rows[name].to_pylist() for name in ("service", "kind", "version", "by", "url")), strict=True)
    stamps, labels = _ints(rows["at"]).tolist(), rows["labels"]
    for place, (service, kind, version, by, url) in enumerate(texts):
        at = _EPOCH + timedelta(microseconds=stamps[place] // 1_000)
        yield Change(service, kind, version, at, by, url, _labels(labels[place]))


def _labels(value: Any) -> Attributes:
    return tuple((name, text) for name, text in value.as_py())


def _ints(column: Any) -> Any:
    return _numpy(column.cast(pa.int64()))


def _numpy(column: Any) -> Any:
    return column.to_numpy()
