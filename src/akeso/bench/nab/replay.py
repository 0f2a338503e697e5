"""Series of a corpus through the score stage, the shipped detectors and the ensemble, as a live stream of frames."""

from collections.abc import Iterator, Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from akeso.bench.baselines.detector_ensemble import EnsembleOptions, EnsembleState, combined
from akeso.bench.nab.corpus import Series
from akeso.domain.telemetry.batches import FeatureFrame, Floats
from akeso.domain.telemetry.signal import Signal
from akeso.plugins.discovery import build
from akeso.stages.detection.score import ScoreOptions, score


def replayed(corpus: Sequence[Series], options: EnsembleOptions | None = None) -> list[Floats]:
    """float64[rows] anomaly probability of each series; row t depends on rows up to t alone.

    Files of the same step are the series of one table. Each distinct time is a frame, with no value (NaN) where a file
    has no row; a time that a file repeats is a further frame.
    """
    options = options or EnsembleOptions()
    out = [np.zeros(len(series.values)) for series in corpus]
    tables: dict[int, list[int]] = {}
    for index, series in enumerate(corpus):
        tables.setdefault(_step(series), []).append(index)
    for step, members in tables.items():
        _replay([corpus[index] for index in members], [out[index] for index in members], step, options)
    return out


def _replay(table: Sequence[Series], out: Sequence[Floats], step: int, options: EnsembleOptions) -> None:
    detectors = {name: one for name, one in build("detectors").items() if name in options.members}
    state, signals = EnsembleState(), np.full(len(table), Signal.OTHER, np.uint8)
    for end, columns, rows in _slots(table):
        values = np.full(len(table), np.nan)
        values[columns] = [table[column].values[row] for column, row in zip(columns, rows, strict=True)]
        frame, present = FeatureFrame(end, step, values, signals), np.isfinite(values)
        prediction = score(frame, detectors, ScoreOptions(), perf_counter)
        probability, state = combined(prediction.detectors, prediction.score, present, state, options)
        for detector in detectors.values():
            detector.learn(frame, present)
        for column, row in zip(columns, rows, strict=True):
            out[column][row] = probability[column]


def _slots(table: Sequence[Series]) -> Iterator[tuple[int, list[int], list[int]]]:
    # (time, the series with a row there, the rows). A clock that is set back stands still, so rows keep their order.
    times = [np.maximum.accumulate(series.times) for series in table]
    column = np.repeat(np.arange(len(table)), [len(each) for each in times])
    row = np.concatenate([np.arange(len(each)) for each in times])
    again = np.concatenate([_repeats(each) for each in times])
    flat = np.concatenate(times)
    order = np.lexsort((column, again, flat))
    new = (np.diff(flat[order], prepend=-1) != 0) | (np.diff(again[order], prepend=-1) != 0)
    for chosen in np.split(order, np.flatnonzero(new)[1:]):
        yield int(flat[chosen[0]]), column[chosen].tolist(), row[chosen].tolist()


def _repeats(times: NDArray[np.int64]) -> NDArray[np.int64]:
    # How often each time stood there before.
    first = np.searchsorted(times, times, side="left")
    return np.arange(len(times)) - first


def _step(series: Series) -> int:
    return max(int(np.median(np.diff(series.times))), 1) if len(series.times) > 1 else 1
