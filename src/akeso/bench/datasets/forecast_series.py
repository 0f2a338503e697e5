"""Series to forecast: made ones of five kinds, and recorded ones from a folder of CSV files."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Floats

HEADER = ["timestamp", "value"]
DAY = timedelta(days=1)
# Of what comes before the scored part, the bound of a recorded series is this quantile.
BOUND_QUANTILE = 0.98
_LIMIT = 100.0


@dataclass(frozen=True, slots=True)
class Workload:
    """values: float64[time, n], NaN where missing; bounds: float64[n]; warm_up: steps learnt, but not scored."""

    kind: str
    step: timedelta
    values: Floats
    bounds: Floats
    warm_up: int


def made_workloads(rng: np.random.Generator, series: int, days: int) -> Iterator[Workload]:
    """Five kinds in steps of a minute. The first day is learnt, not scored."""
    step = timedelta(minutes=1)
    length, day = days * 1440, 1440
    for kind, make in (
        ("ramps", _ramps),
        ("diurnal", _diurnal),
        ("leaks", _leaks),
        ("shifts", _shifts),
        ("heavy tails", _heavy_tails),
    ):
        values = np.stack([make(rng, length) for _ in range(series)], axis=1)
        yield Workload(kind, step, values, np.full(series, 0.85 * _LIMIT), day)


def recorded_workloads(data: Path, reach: timedelta) -> Iterator[Workload]:
    """All series below a folder whose steps are no longer than `reach`, put together by folder and length of step.

    Raises InvalidInput if there is none.
    """
    files = sorted(path for path in data.rglob("*.csv") if _is_series(path)) if data.is_dir() else []
    found = [(path.parent.name, *_read(path)) for path in files]
    found = [each for each in found if each[1] <= reach]
    if not found:
        looked_for = f"CSV files with the columns {', '.join(HEADER)} and steps up to {reach}"
        raise InvalidInput("--data", f"no series in {data}: looked for {looked_for}")
    for kind, step in sorted({each[:2] for each in found}):
        yield _together(kind, step, [values for *key, values in found if key == [kind, step]])


def _ramps(rng: np.random.Generator, length: int) -> Floats:
    # Load rises until capacity or demand ends it; a third of the rises end below the bound.
    signal = np.empty(0)
    base = rng.uniform(15, 35)
    while len(signal) < length:
        top = rng.uniform(60, 80) if rng.random() < 1 / 3 else rng.uniform(92, 100)
        rise, shape = int(rng.uniform(60, 300)), rng.choice([0.7, 1.0, 1.5])
        climb = base + (top - base) * np.linspace(0, 1, rise) ** shape
        calm, hold = np.full(int(rng.uniform(120, 480)), base), np.full(int(rng.uniform(30, 120)), top)
        signal = np.concatenate((signal, calm, climb, hold, np.linspace(top, base, 15)))
    return signal[:length] + rng.normal(0, rng.uniform(0.5, 2.5), length)


def _diurnal(rng: np.random.Generator, length: int) -> Floats:
    # Every day has its own height, so that some days reach the bound and some do not.
    minutes = np.arange(length)
    phase = 2 * np.pi * (minutes + rng.uniform(0, 1440)) / 1440
    shape = 0.5 - 0.4 * np.cos(phase) + 0.1 * np.sin(2 * phase + rng.uniform(0, 6))
    days = rng.normal(80, 9, length // 1440 + 3)
    height = np.interp(minutes, np.arange(len(days)) * 1440.0, days)
    noise = _autoregressive(rng, length, 0.8, rng.uniform(0.5, 1.5))
    drawn: Floats = 10 + height * shape + noise
    return drawn


def _leaks(rng: np.random.Generator, length: int) -> Floats:
    # Memory grows until a restart, which comes at the limit or, as often, with a deployment before.
    signal = np.empty(0)
    base = rng.uniform(20, 40)
    while len(signal) < length:
        top = _LIMIT if rng.random() < 0.5 else rng.uniform(50, 95)
        climb = np.arange(base, top, (_LIMIT - base) / rng.uniform(240, 900))
        signal = np.concatenate((signal, climb))
    return signal[:length] + _autoregressive(rng, length, 0.6, rng.uniform(0.3, 1.0))


def _shifts(rng: np.random.Generator, length: int) -> Floats:
    # Nobody can foresee these; what is measured is who invents trends.
    moves = np.flatnonzero(rng.random(length) < 1 / 300)
    levels = rng.uniform(20, 82, len(moves) + 1)
    signal = levels[np.searchsorted(moves, np.arange(length), side="right")]
    drawn: Floats = signal + rng.normal(0, rng.uniform(0.5, 3), length)
    return drawn


def _heavy_tails(rng: np.random.Generator, length: int) -> Floats:
    slow = _autoregressive(rng, length, 0.995, 1.2)
    drawn: Floats = 55 + slow + rng.standard_t(2.5, length) * rng.uniform(1, 3)
    return drawn


def _autoregressive(rng: np.random.Generator, length: int, memory: float, size: float) -> Floats:
    noise = rng.normal(0, size, length)
    for at in range(1, length):
        noise[at] += memory * noise[at - 1]
    return noise


def _is_series(path: Path) -> bool:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), None) == HEADER


def _read(path: Path) -> tuple[timedelta, Floats]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    try:
        seconds = np.array([datetime.fromisoformat(row[0]).timestamp() for row in rows])
        values = np.array([float(row[1]) for row in rows])
    except (ValueError, IndexError) as exc:
        raise InvalidInput(str(path), f"a row is no time and value: {exc}") from exc
    step = float(np.median(np.diff(seconds)))
    places = ((seconds - seconds[0]) / step).round().astype(int)
    keep = (places >= 0) & (places < 4 * len(places))
    grid = np.full(places[keep].max() + 1, np.nan)
    grid[places[keep]] = values[keep]
    return timedelta(seconds=step), grid


def _together(kind: str, step: timedelta, series: list[Floats]) -> Workload:
    length = max(map(len, series))
    values = np.stack([np.pad(each, (0, length - len(each)), constant_values=np.nan) for each in series], axis=1)
    warm_up = min(round(3 * DAY / step), length // 3)
    return Workload(kind, step, values, np.nanquantile(values[:warm_up], BOUND_QUANTILE, axis=0), warm_up)
