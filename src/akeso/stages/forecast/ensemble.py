"""The better forecaster: experts weighed by how well they did, with intervals that their errors calibrate."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import grown
from akeso.stages.forecast.experts import EXPERTS, ExpertOptions, Experts
from akeso.stages.forecast.forecast import Forecast, horizons_within
from akeso.stages.forecast.quantile_tracker import QuantileTracker
from akeso.stages.forecast.trend_line import LastValues

_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class EnsembleOptions:
    """How experts become one forecast.

    horizons: in steps, rising.
    experts: the constants of the experts.
    memory: weight of the newest error in an expert's record.
    squarings: an expert weighs the inverse of its record, squared so often.
    error_memory: weight of the newest innovation in the usual error.
    rising: a path that ends so many usual errors higher is one that rises.
    outlier: a value so many usual errors away from the median of the last three is not believed before there is
        another.
    """

    horizons: tuple[int, ...] = (1, 5, 10, 15, 20, 30)
    experts: ExpertOptions = field(default_factory=ExpertOptions)
    memory: float = 0.03
    squarings: int = 2
    error_memory: float = 0.05
    rising: float = 2.0
    outlier: float = 12.0

    @classmethod
    def of(cls, step: timedelta, reach: timedelta) -> "EnsembleOptions":
        """For steps of this length, forecasts up to `reach` ahead, and a season of a day."""
        season = max(round(timedelta(days=1) / step), 1)
        return cls(horizons=horizons_within(reach, step), experts=ExpertOptions(season=season))


class EnsembleForecaster:
    """Every step each expert forecasts each horizon; when the value comes, its record is brought up to date. The
    ensemble is the mean of the experts, weighed by a power of their records (as in exponentially weighted aggregation,
    Cesa-Bianchi & Lugosi, Prediction, Learning, and Games, 2006), for each series and horizon by itself.

    Quantiles are those of the ensemble's own past errors at that horizon in units of the usual error now, so they hold
    whatever the distribution; those of the peak come from past peaks in the same way, those of rising paths apart from
    the others (Vovk's Mondrian conformal prediction). About 13 kB a series.
    """

    def __init__(self, options: EnsembleOptions | None = None) -> None:
        o = self._options = options or EnsembleOptions()
        self._experts = Experts(o.experts, o.horizons)
        self._span = o.horizons[-1] + 1
        ahead = np.array(o.horizons, dtype=float)
        self._errors = QuantileTracker(1.25 * np.sqrt(1.0 + 0.03 * ahead))
        self._peaks = QuantileTracker(1.25 * np.sqrt(1.0 + 0.03 * np.repeat(ahead[-1:], 2)))
        self._made = [_Made(h, len(EXPERTS) + 2) for h in o.horizons]
        self._made_peaks = _Made(o.horizons[-1], 3)
        self._records = np.empty((len(EXPERTS), len(o.horizons), 0))
        self._usual = np.empty((3, 0))
        self._recent, self._lasting = LastValues(3), LastValues(o.horizons[-1])
        self._path = np.empty((len(o.horizons), 0))

    def update(self, step: int, values: Floats) -> None:
        """Judge what was forecast for this step, learn it, and forecast from here."""
        n = len(values)
        self._resize(n)
        self._judge(step, values)
        self._judge_peak(step, values)
        self._experts.learn(step, self._confirmed(values), self._usual_error(n))
        paths = self._experts.paths(n)
        self._path = np.einsum("ehn,ehn->hn", self._weights(n), paths)
        usual = self._usual_error(n)
        for row, made in enumerate(self._made):
            made.put(step, np.vstack((paths[:, row], self._path[row], usual)))
        self._made_peaks.put(step, np.stack((self._path.max(axis=0), usual, self._rising(n))))

    def forecast(self) -> Forecast:
        n = self._path.shape[-1]
        usual = self._usual_error(n)
        values = self._path + self._errors.quantiles(n) * usual
        flat, rising = np.moveaxis(self._peaks.quantiles(n), 1, 0)
        peak = self._path.max(axis=0) + np.where(self._rising(n) > 0, rising, flat) * usual
        return Forecast(self._options.horizons, values, peak)

    def _confirmed(self, values: Floats) -> Floats:
        # A value far off waits for a second one: a line through a single spike leads anywhere.
        middle = self._recent.median()
        far = np.abs(values - middle) > self._options.outlier * self._usual_error(len(values))
        return np.where(far, middle, values)

    def _resize(self, series: int) -> None:
        self._records = grown(self._records, series, 0.0)
        self._usual = grown(self._usual, series, np.nan)
        self._errors.resize(series)
        self._peaks.resize(series)

    def _weights(self, series: int) -> Floats:
        records = self._records[..., :series]
        # Nobody is more than so much better: a perfect record would silence all others for good.
        floor = 0.01 * records.mean(axis=0) + np.finfo(float).tiny
        weights = floor / (records + floor)
        for _ in range(self._options.squarings):
            weights *= weights
        share: Floats = weights / weights.sum(axis=0)
        return share

    def _usual_error(self, series: int) -> Floats:
        usual: Floats = self._usual[:2, :series].mean(axis=0)
        return np.where(np.isfinite(usual), usual, 0.0)

    def _rising(self, series: int) -> Floats:
        # The end of a slope is met or missed, the highest of a calm half hour is the noise's: they err differently.
        rise = self._path[-1] - self._path[0]
        return np.where(rise > self._options.rising * self._usual_error(series), 1.0, 0.0)

    def _judge(self, step: int, values: Floats) -> None:
        n, memory = len(values), self._options.memory
        scores = np.full((len(self._made), n), np.nan)
        for row, made in enumerate(self._made):
            said = made.get(step, n)
            if said is None:
                continue
            wrong = np.abs(values - said[:-2])
            records = self._records[:, row, :n]
            records += np.where(np.isfinite(wrong), memory * (wrong - records), 0.0)
            scores[row] = _scaled(values - said[-2], said[-1])
            if row == 0:
                self._learn_usual(np.abs(values - said[-2]))
        self._errors.learn(scores)

    def _judge_peak(self, step: int, values: Floats) -> None:
        n = len(values)
        self._recent.push(step, values)
        self._lasting.push(step, self._recent.median())
        said = self._made_peaks.get(step, n)
        if said is not None:
            score = _scaled(self._lasting.highest() - said[0], said[1])
            self._peaks.learn(np.where(said[2] == np.array([[0.0], [1.0]]), score, np.nan))

    def _learn_usual(self, wrong: Floats) -> None:
        # One size follows bursts, the other remembers what is normal. A single outlier counts for little: a large error
        # counts as it is when the one before was as large.
        *sizes, before = (row[: len(wrong)] for row in self._usual)
        for usual, memory in zip(sizes, (self._options.error_memory, self._options.error_memory / 10), strict=True):
            bounded = np.where(np.isfinite(usual), np.minimum(wrong, np.maximum(10.0 * usual, before)), wrong)
            known = np.where(np.isfinite(usual), usual, wrong)
            usual[:] = np.where(np.isfinite(wrong), known + memory * (bounded - known), usual)
        before[:] = np.where(np.isfinite(wrong), wrong, before)


class _Made:
    """Forecasts until their time has come: float64[horizon, rows, n]."""

    def __init__(self, horizon: int, rows: int) -> None:
        self._ring = np.empty((horizon, rows, 0))
        self._steps = np.full(horizon, -1)

    def put(self, step: int, said: Floats) -> None:
        self._ring = grown(self._ring, said.shape[-1], np.nan)
        slot = step % len(self._ring)
        self._ring[slot, :, : said.shape[-1]], self._steps[slot] = said, step

    def get(self, step: int, series: int) -> Floats | None:
        """What was said for this step; None if nothing was."""
        slot = step % len(self._ring)
        self._ring = grown(self._ring, series, np.nan)
        return self._ring[slot, :, :series] if self._steps[slot] == step - len(self._ring) else None


def _scaled(wrong: Floats, usual: Floats) -> Floats:
    # A series that never moved has no usual error; beyond a million of them it does not matter how many.
    unit = np.maximum(usual, 1e-6 * np.abs(wrong))
    scaled: Floats = np.where(unit != 0, wrong / np.where(unit != 0, unit, 1.0), 0.0)
    return scaled
