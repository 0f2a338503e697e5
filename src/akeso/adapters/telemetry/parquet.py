"""Telemetry as Parquet: a folder with one data set a kind, for other tools, and to be replayed. Needs extra [parquet].

Rows of one batch share its number in `batch`, rows of one block of log records or spans also `block`; stamps are UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from akeso.adapters.telemetry.parquet_reading import exported_batches
from akeso.adapters.telemetry.parquet_schema import SCHEMAS
from akeso.domain.errors import Conflict, Unavailable
from akeso.domain.telemetry.batches import NANOSECONDS, Change, LogBlock, SpanBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable

__all__ = ["ParquetFolder", "exported_batches"]

# Rows of a kind that are held until they are written as one row group.
_HELD = 100_000


class ParquetFolder:
    """Writes batches as they come; the memory it takes does not grow with their number. table: that of the batches."""

    def __init__(self, folder: Path, table: SeriesTable) -> None:
        self._folder, self._table = folder, table
        self._held: dict[str, list[Any]] = {kind: [] for kind in SCHEMAS}
        self._waiting = dict.fromkeys(SCHEMAS, 0)
        self._rows = dict.fromkeys(SCHEMAS, 0)
        self._files: dict[str, Any] = {}
        self._batches = 0

    @classmethod
    def new(cls, folder: Path, table: SeriesTable) -> "ParquetFolder":
        """Raises Conflict when the folder is there already, Unavailable when it cannot be made."""
        try:
            folder.mkdir(parents=True)
        except FileExistsError as bad:
            raise Conflict(f"{folder} exists already; nothing was written") from bad
        except OSError as bad:
            raise Unavailable(f"{folder} cannot be made: {bad.strerror}") from bad
        return cls(folder, table)

    def __enter__(self) -> "ParquetFolder":
        return self

    def __exit__(self, *_: object) -> None:
        for kind in SCHEMAS:
            self._flush(kind)
        for file in self._files.values():
            file.close()

    @property
    def rows(self) -> Mapping[str, int]:
        """Kind → rows that were taken."""
        return MappingProxyType(self._rows)

    def write(self, batch: TelemetryBatch) -> None:
        """Take a batch. Raises Unavailable when the disk does."""
        self._batches += 1
        if len(batch.metrics):
            self._put("metrics", batch, self._metrics(batch))
        for number, logs in enumerate(batch.logs):
            self._put("logs", batch, _logs(logs, number))
        for number, spans in enumerate(batch.spans):
            self._put("spans", batch, _spans(spans, number))
        if batch.changes:
            self._put("changes", batch, _changes(batch.changes))

    def _put(self, kind: str, batch: TelemetryBatch, columns: dict[str, Any]) -> None:
        count = len(columns["service"])
        shared = {
            "batch": np.full(count, self._batches),
            "received_at": _stamps(np.full(count, batch.received_at)),
            "tenant": pa.repeat(batch.tenant, count),
        }
        schema = SCHEMAS[kind]
        self._held[kind].append(pa.table(shared | columns).select(schema.names).cast(schema))
        self._waiting[kind] += count
        self._rows[kind] += count
        if self._waiting[kind] >= _HELD:
            self._flush(kind)

    def _flush(self, kind: str) -> None:
        held, self._held[kind], self._waiting[kind] = self._held[kind], [], 0
        if not held:
            return
        try:
            if kind not in self._files:
                (self._folder / kind).mkdir()
                path = self._folder / kind / "part-0.parquet"
                self._files[kind] = pq.ParquetWriter(path, SCHEMAS[kind], compression="zstd")
            self._files[kind].write_table(pa.concat_tables(held))
        except OSError as bad:
            raise Unavailable(f"{self._folder} cannot be written to: {bad}") from bad

    def _metrics(self, batch: TelemetryBatch) -> dict[str, Any]:
        block = batch.metrics
        ids, index = np.unique(block.series, return_inverse=True)
        keys = [self._table[number] for number in ids.tolist()]
        names = ("service", "metric", "unit", "temporality", "stat")
        told = {name: pa.array([str(getattr(key, name)) for key in keys], pa.string()) for name in names}
        told["attributes"] = _maps(key.attributes for key in keys)
        columns = {name: values.take(pa.array(index)) for name, values in told.items()}
        return columns | {"series": block.series, "time": _stamps(block.time), "value": block.value}


def _logs(block: LogBlock, number: int) -> dict[str, Any]:
    count = len(block)
    return {
        "service": pa.repeat(block.service, count),
        "block": np.full(count, number),
        "time": _stamps(block.time),
        "severity": block.severity,
        "body": pa.array(block.body, pa.string()),
        "trace": block.trace,
        "attributes": _maps([block.attributes]).take(pa.array(np.zeros(count, np.int32))),
    }


def _spans(block: SpanBlock, number: int) -> dict[str, Any]:
    count = len(block)
    return {
        "service": pa.repeat(block.service, count),
        "block": np.full(count, number),
        "operation": pa.array(block.operations, pa.string()).take(pa.array(block.operation)),
        "peer": pa.array(block.peers, pa.string()).take(pa.array(block.peer)),
        "trace": block.trace,
        "span": block.span,
        "parent": block.parent,
        "kind": block.kind,
        "start": _stamps(block.start),
        "duration_ns": block.duration,
        "error": block.error,
        "link": block.link if len(block.link) else np.zeros(count, np.uint64),
    }


def _changes(changes: Sequence[Change]) -> dict[str, Any]:
    texts = {
        name: [getattr(change, name) for change in changes] for name in ("service", "kind", "version", "by", "url")
    }
    at = np.array([round(change.at.timestamp() * 1e6) * (NANOSECONDS // 10**6) for change in changes], np.int64)
    return texts | {"at": _stamps(at), "labels": _maps(change.labels for change in changes)}


def _stamps(ns: NDArray[np.int64]) -> Any:
    return pa.array(ns, pa.int64()).view(pa.timestamp("ns", "UTC"))


def _maps(labels: Iterable[Sequence[tuple[str, str]]]) -> Any:
    return pa.array([list(each) for each in labels], pa.map_(pa.string(), pa.string()))
