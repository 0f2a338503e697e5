"""Restoring the state of detectors, though series may stand in other rows by now."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.detection_model import Artefact
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.detector import Detector, State

Array = NDArray[Any]


def restore(artefact: Artefact, detectors: Mapping[str, Detector], table: SeriesTable) -> tuple[str, ...]:
    """Detectors take the artefact's states; its series that `table` does not know are interned there. Names of the
    detectors that could not take theirs (or have none) and stay as they were made."""
    rows = table.intern_all(artefact.keys)
    same = bool(np.array_equal(rows, np.arange(len(rows))))
    left = []
    for name, detector in detectors.items():
        state = artefact.states.get(name)
        if state is None:
            left.append(name)
            continue
        try:
            detector.restore(state if same else _moved(state, detector, rows.tolist(), artefact))
        except InvalidInput:
            left.append(name)
    return tuple(left)


def _moved(state: State, detector: Detector, rows: Sequence[int], artefact: Artefact) -> State:
    blank = _blank(detector, max(rows) + 1, artefact)
    return {name: _column(array, blank.get(name), rows) for name, array in state.items()}


def _column(old: Array, new: Array | None, rows: Sequence[int]) -> Array:
    if new is None or old.shape[1:] != new.shape[1:]:
        raise InvalidInput("state", "is of another detector")
    target = np.array(rows[: len(old)], np.intp)
    kept = target < len(new)  # a detector that looks at the first series only has no row for the others
    moved = new.copy()
    moved[target[kept]] = old[kept]
    return moved


def _blank(detector: Detector, series: int, artefact: Artefact) -> State:
    # Learning nothing of so many series makes a row for each.
    signals = np.resize(artefact.signals, series)
    frame = FeatureFrame(NANOSECONDS, NANOSECONDS, np.full(series, np.nan), signals)
    detector.learn(frame, np.zeros(series, bool))
    return detector.snapshot()
