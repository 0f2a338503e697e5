from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from akeso.adapters.telemetry import parquet
from akeso.adapters.telemetry.parquet import ParquetFolder, exported_batches
from akeso.domain.errors import Conflict, InvalidInput
from akeso.domain.telemetry.batches import SeriesKey, SpanBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.recorded.recording import sick_shop
from akeso.testing.telemetry import noisy_batch, same_batch, sample_batch

AT = 1_700_000_000_000_000_000


def plain(block: SpanBlock) -> list[tuple[object, ...]]:
    """The spans of a block with their words."""
    words = [(block.operations[o], block.peers[p]) for o, p in zip(block.operation, block.peer, strict=True)]
    return list(zip(words, block.span.tolist(), block.start.tolist(), block.error.tolist(), strict=True))


def test_what_was_exported_says_the_same_when_it_is_read(tmp_path: Path) -> None:
    table, fresh = SeriesTable(), SeriesTable([SeriesKey("other", "x", "y")])
    sent = [sample_batch(table, AT), sample_batch(table, AT + 9, "b"), noisy_batch(table, AT + 10, 50)]
    with ParquetFolder.new(tmp_path / "out", table) as folder:
        for batch in sent:
            folder.write(batch)
    assert dict(folder.rows) == {"metrics": 56, "logs": 4, "spans": 4, "changes": 2}
    found = list(exported_batches(tmp_path / "out", fresh))
    assert len(found) == 3
    for batch, again in zip(sent, found, strict=True):
        assert same_batch(batch, table, again, fresh)


def test_batches_are_whole_however_rows_are_grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_HELD", 100)
    monkeypatch.setattr("akeso.adapters.telemetry.parquet_reading._READ", 7)
    table, fresh = SeriesTable(), SeriesTable()
    sent = list(sick_shop(table, 5, 0))
    with ParquetFolder.new(tmp_path / "out", table) as folder:
        for batch in sent:
            folder.write(batch)
    assert pq.ParquetFile(tmp_path / "out" / "spans" / "part-0.parquet").metadata.num_row_groups > 10
    found = list(exported_batches(tmp_path / "out", fresh))
    assert [(b.received_at, len(b)) for b in found] == [(b.received_at, len(b)) for b in sent]
    assert [list(map(plain, b.spans)) for b in found] == [list(map(plain, b.spans)) for b in sent]
    assert np.array_equal(found[0].metrics.value, sent[0].metrics.value)


def test_columns_have_types_that_other_tools_read(tmp_path: Path) -> None:
    table = SeriesTable()
    with ParquetFolder.new(tmp_path / "out", table) as folder:
        folder.write(sample_batch(table, AT))
    rows = pq.read_table(tmp_path / "out" / "metrics").to_pylist()
    assert rows[1]["metric"] == "http.server.request.duration"
    assert dict(rows[1]["attributes"]) == {"route": "/x"}
    assert rows[1]["time"].isoformat().startswith("2023-11-14T22:13:20")


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="exists already"):
        ParquetFolder.new(tmp_path, SeriesTable())


def test_what_is_no_export_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds none of metrics, logs"):
        list(exported_batches(tmp_path, SeriesTable()))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.parquet").write_bytes(b"PAR1 is not all")
    with pytest.raises(InvalidInput, match=r"a\.parquet: holds no exported logs"):
        list(exported_batches(tmp_path, SeriesTable()))


def test_an_empty_batch_leaves_nothing(tmp_path: Path) -> None:
    with ParquetFolder.new(tmp_path / "out", SeriesTable()) as folder:
        folder.write(TelemetryBatch("default", AT))
    assert list((tmp_path / "out").iterdir()) == []
