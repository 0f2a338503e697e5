"""The detector kernel: every series of a frame scored and learnt in one call, on one core."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, Mask
from akeso.domain.telemetry.signal import Signal
from akeso.plugins.discovery import build
from akeso.ports.detector import Detector

# Detectors of the default ensemble whose state is a few running numbers a series: each value costs the same, for ever.
STREAMING = frozenset({"adaptive_threshold", "ewma", "iqr", "log_errors", "silence", "static_threshold", "z_score"})
_FRAMES = 30
_WARM = 30
# What the features of a shop are: most have no meaning of their own, a third are rates.
_SIGNALS = (Signal.OTHER, Signal.OTHER, Signal.TRAFFIC, Signal.OTHER, Signal.LATENCY, Signal.TRAFFIC, Signal.ERRORS)


@dataclass(frozen=True, slots=True)
class KernelSpeed:
    """streaming: series updates a second of the streaming detectors together; whole: of all detectors; each: of each
    alone. An update is one value of one series, scored and learnt."""

    streaming: float
    whole: float
    each: Mapping[str, float]


def kernel_speed(series: int) -> KernelSpeed:
    """Over frames in which every series has a value."""
    detectors: Mapping[str, Detector] = build("detectors")
    seconds = _seconds(detectors, _made(series, _FRAMES + _WARM))
    streaming = sum(each for name, each in seconds.items() if name in STREAMING)
    updates = series * _FRAMES
    return KernelSpeed(
        updates / streaming,
        updates / sum(seconds.values()),
        {name: updates / each for name, each in sorted(seconds.items())},
    )


def values_of(series: int, frames: int) -> Floats:
    """float64[frames, series]: positive, around a level of each series."""
    random = np.random.default_rng(7)
    level = random.lognormal(3.0, 1.5, series)
    return np.asarray(np.abs(level * (1.0 + 0.1 * random.standard_normal((frames, series)))))


def _made(series: int, frames: int) -> list[FeatureFrame]:
    signals = np.resize(np.array(_SIGNALS, np.uint8), series)
    values = values_of(series, frames)
    values[:, signals == Signal.ERRORS] *= 1e-4
    return [FeatureFrame((number + 1) * NANOSECONDS, NANOSECONDS, row, signals) for number, row in enumerate(values)]


def _seconds(detectors: Mapping[str, Detector], frames: list[FeatureFrame]) -> dict[str, float]:
    """CPU time of this thread (NumPy's loops over elements use no other), frame by frame as the model agent goes: all
    score, then all learn. What they share is told of the first that asks for it."""
    update: Mask = np.ones(len(frames[0].values), np.bool_)
    took = dict.fromkeys(detectors, 0.0)
    for number, frame in enumerate(frames):
        for step in ("score", "learn"):
            for name, detector in detectors.items():
                began = time.thread_time()
                detector.score(frame) if step == "score" else detector.learn(frame, update)
                took[name] += (time.thread_time() - began) * (number >= _WARM)
    return took
