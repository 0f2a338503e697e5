"""Reading a corpus in the form of the Numenta Anomaly Benchmark."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Floats, Times

LABELS = "labels/combined_windows.json"
_COLUMNS = ["timestamp", "value"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One file. stamps, texts: its two columns as they stand there; times: int64[n] ns; values: float64[n]; windows:
    first and last row of each true anomaly, None where there are no labels."""

    category: str
    file: str
    stamps: list[str]
    texts: list[str]
    times: Times
    values: Floats
    windows: tuple[tuple[int, int], ...] | None


def read_corpus(folder: Path) -> list[Series]:
    """All series of a corpus, sorted by category and file. Raises InvalidInput if there is none or one is broken."""
    root = folder / "data" if (folder / "data").is_dir() else folder
    files = sorted(root.glob("*/*.csv"))
    if not files:
        raise InvalidInput("--data", f"no series in {folder}: looked for data/<category>/<file>.csv")
    labels = folder / LABELS
    windows = json.loads(labels.read_text(encoding="utf-8")) if labels.is_file() else {}
    return [_series(file, windows) for file in files]


def _series(path: Path, windows: Mapping[str, list[tuple[str, str]]]) -> Series:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != _COLUMNS or len(rows) < 2:
        raise InvalidInput(str(path), f"must have rows under the columns {','.join(_COLUMNS)}")
    stamps, texts = [row[0] for row in rows[1:]], [row[1] for row in rows[1:]]
    try:
        times = np.array([_nanoseconds(stamp) for stamp in stamps], np.int64)
        values = np.array([float(text) if text else np.nan for text in texts])
        told = windows.get(f"{path.parent.name}/{path.name}")
        found = None if told is None else tuple(_rows(times, start, end) for start, end in told)
    except ValueError as exc:
        raise InvalidInput(str(path), str(exc)) from exc
    return Series(path.parent.name, path.name, stamps, texts, times, values, found)


def _rows(times: Times, start: str, end: str) -> tuple[int, int]:
    inside = np.flatnonzero((times >= _nanoseconds(start)) & (times <= _nanoseconds(end)))
    if not len(inside):
        raise ValueError(f"no row in the window {start} to {end}")
    return int(inside[0]), int(inside[-1])


def _nanoseconds(stamp: str) -> int:
    moment = datetime.fromisoformat(stamp)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000) * 1_000_000
