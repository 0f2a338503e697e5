"""The recent past of whole services, and models that are fitted to it beside the hot path.

What single series cannot show (much traffic and an idle processor) shows in all metrics of a service together. A model
of each service is fitted from time to time in a thread of its own. What was begun at one turn is taken up at the next,
whenever it was ready in between, so a replay gives the same scores as the live run.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, Codes, FeatureFrame, Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.scale import believable, scaled
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.detector import Scores, State

Picked = NDArray[np.intp]
_WILDEST = 20.0
_KNOWN = 0.8  # of the window's values, or a series says too little
_SIGMA = 1.4826
_FEWEST = 2


class VectorModel(Protocol):
    """What is normal for the metrics of one service together."""

    def score(self, vector: Floats) -> Floats:
        """float64[d] for float64[d] deviations from the usual: 1.0 = at the alarm."""
        ...


Fit = Callable[[Floats, Floats], VectorModel]  # (float64[t, d] to learn from, float64[u, d] to find the alarm with)


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """Over what detectors of whole services look.

    window: slots that a model is fitted to.
    every: slots between two fits.
    pace_s: seconds between two judgements of a service.
    series: at most so many series are looked at.
    most: metrics of one service.
    """

    window: int = 240
    every: int = 120
    pace_s: float = 5.0
    series: int = 2000
    most: int = 24


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    rows: Picked
    center: Floats
    spread: Floats
    model: VectorModel

    def vector(self, values: Floats) -> Floats:
        """float64[d], 0 where there is no value."""
        away = (values[self.rows] - self.center) / self.spread
        return np.clip(np.nan_to_num(away), -_WILDEST, _WILDEST)


class ServiceWindows:
    """table: tells the service of each series; without one all series are of one service."""

    def __init__(self, table: SeriesTable | None, fit: Fit, options: WindowOptions) -> None:
        self._table, self._fit, self._options = table, fit, options
        blank = np.full(options.window, np.nan, np.float32)
        # Row by row what came last, what the models in force were fitted to, and what the next ones are.
        self._rows = Rows({"past": blank, "held": blank, "next": blank, "signal": np.uint8(0)})
        self._worker = ThreadPoolExecutor(1, "akeso-fit")
        self._held: Future[tuple[_Fitted, ...]] | None = None
        self._next: Future[tuple[_Fitted, ...]] | None = None

    def scores(self, frame: FeatureFrame) -> Floats:
        """float64[n], 0 for services whose turn it is not. Changes no state."""
        out = np.zeros(len(frame.values))
        if self._held is None:
            return out
        values = scaled(frame.values, frame.signals)
        for fitted in self._due(self._held.result(), frame):
            if len(out) > fitted.rows.max():
                present = np.isfinite(values[fitted.rows])
                out[fitted.rows] = np.where(present, fitted.model.score(fitted.vector(values)), 0.0)
        return out

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        """Where `update` is not set there is a hole in the past."""
        count = min(len(frame.values), self._options.series)
        self._rows.grow(count)
        slot = frame.end // frame.width
        values = scaled(frame.values[:count], frame.signals[:count])
        self._rows["past"][:count, slot % self._options.window] = np.where(update[:count], values, np.nan)
        self._rows["signal"][:count] = frame.signals[:count]
        if slot % self._options.every == 0:
            self._turn()

    def snapshot(self) -> Mapping[str, NDArray[Any]]:
        """The pasts; models are fitted to them again."""
        return self._rows.snapshot()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Raises InvalidInput for what is no snapshot of such windows."""
        self._rows.restore(state)
        self._held, self._next = self._begun("held"), self._begun("next")

    def _due(self, all_fitted: tuple[_Fitted, ...], frame: FeatureFrame) -> Iterator[_Fitted]:
        stride = max(round(self._options.pace_s * NANOSECONDS / frame.width), 1)
        yield from all_fitted[frame.end // frame.width % stride :: stride]

    def _turn(self) -> None:
        self._held = self._next
        self._rows["held"] = self._rows["next"]
        self._rows["next"] = self._rows["past"]
        self._next = self._begun("next")

    def _begun(self, column: str) -> Future[tuple[_Fitted, ...]] | None:
        past, signals = self._rows[column].astype(np.float64), self._rows["signal"].copy()
        if not np.isfinite(past).any():
            return None
        return self._worker.submit(_fitted, past, signals, self._groups(len(past)), self._fit)

    def _groups(self, count: int) -> list[list[int]]:
        if self._table is None:
            return [list(range(count))[: self._options.most]]
        groups: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(self._table.keys[:count]):
            groups.setdefault((key.tenant, key.service), []).append(row)
        return [rows[: self._options.most] for rows in groups.values()]


class VectorDetector:
    """A detector whose model looks at all metrics of a service at once: what makes it is told in `_fit`."""

    def __init__(self, table: SeriesTable | None, options: WindowOptions) -> None:
        self._windows = ServiceWindows(table, self._fit, options)

    def score(self, frame: FeatureFrame) -> Scores:
        nothing = np.full(len(frame.values), np.nan)
        return Scores(self._windows.scores(frame), nothing, nothing.copy())

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        self._windows.learn(frame, update)

    def snapshot(self) -> State:
        return self._windows.snapshot()

    def restore(self, state: State) -> None:
        self._windows.restore(state)

    def _fit(self, vectors: Floats, kept: Floats) -> VectorModel:
        raise NotImplementedError


def _fitted(past: Floats, signals: Codes, groups: list[list[int]], fit: Fit) -> tuple[_Fitted, ...]:
    known = np.isfinite(past).mean(axis=1) >= _KNOWN
    found = []
    for group in groups:
        rows = np.array([row for row in group if known[row]], np.intp)
        if len(rows) >= _FEWEST:
            found.append(_fitted_one(past[rows], signals[rows], rows, fit))
    return tuple(found)


def _fitted_one(past: Floats, signals: Codes, rows: Picked, fit: Fit) -> _Fitted:
    center = np.nanmedian(past, axis=1)
    spread = _SIGMA * np.nanmedian(np.abs(past - center[:, None]), axis=1)
    spread = believable(np.fmax(spread, np.nanstd(past, axis=1) / 2.0), center, signals)
    vectors = np.nan_to_num((past - center[:, None]) / spread[:, None]).T
    vectors = np.clip(vectors, -_WILDEST, _WILDEST)
    # Every third block of slots is kept to find the alarm with: neighbours in time are too alike to judge each other.
    kept = np.arange(len(vectors)) // 10 % 3 == 2
    return _Fitted(rows, center, spread, fit(vectors[~kept], vectors[kept]))
