"""Batches sent by hand into a feature builder, and its features read by name."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from akeso.domain.telemetry.batches import (
    NANOSECONDS,
    FeatureFrame,
    LogBlock,
    MetricBlock,
    SeriesKey,
    TelemetryBatch,
)
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.features.features import ClosedSlot, FeatureBuilder
from akeso.stages.features.slots import FeatureOptions
from akeso.testing.window import Span, span_blocks

UNHURRIED = FeatureOptions(lateness=timedelta(seconds=1))

Point = tuple[SeriesKey, float, float]  # the series, seconds, the value


class FeatureBench:
    """A feature builder whose time is in seconds since `START`."""

    START = 10_000

    def __init__(self) -> None:
        self.begin()

    def begin(self, options: FeatureOptions = UNHURRIED) -> None:
        self.ingest, self.features = SeriesTable(), SeriesTable()
        self.builder = FeatureBuilder(self.ingest, self.features, options)
        self.closed: list[ClosedSlot] = []

    def at(self, seconds: float) -> int:
        return self.START * NANOSECONDS + round(seconds * NANOSECONDS)

    def batch(self, received: float, *points: Point, spans: Iterable[Span] = ()) -> TelemetryBatch:
        block = MetricBlock(
            self.ingest.intern_all(key for key, _, _ in points),
            np.array([self.at(time) for _, time, _ in points], np.int64),
            np.array([value for _, _, value in points], np.float64),
        )
        shifted = [replace(span, start=self.START + span.start, end=self.START + span.end) for span in spans]
        return TelemetryBatch("acme", self.at(received), metrics=block, spans=span_blocks(*shifted))

    def send(self, received: float, *points: Point, spans: Iterable[Span] = ()) -> None:
        """A batch arrives at `received`."""
        self.take(self.batch(received, *points, spans=spans))

    def log(self, received: float, *lines: str, service: str = "cart", severity: int = 9) -> None:
        time = np.full(len(lines), self.at(received), np.int64)
        codes = np.full(len(lines), severity, np.uint8)
        block = LogBlock(service, time, codes, lines, np.zeros(len(lines), np.uint64))
        self.take(TelemetryBatch("acme", self.at(received), logs=(block,)))

    def take(self, batch: TelemetryBatch) -> None:
        self.closed.extend(self.builder.close_until(batch.received_at))
        self.builder.add(batch)

    def close(self, until: float) -> None:
        """The watermark passes `until`."""
        self.closed.extend(self.builder.close_until(self.at(until) + NANOSECONDS))

    @property
    def frames(self) -> list[FeatureFrame]:
        return [closed.frame for closed in self.closed]

    @property
    def ends(self) -> list[float]:
        return [frame.end / NANOSECONDS - self.START for frame in self.frames]

    def value(self, end: float, service: str, metric: str, stat: str = "", **attributes: str) -> float:
        """The feature in the slot that ends at `end`; NaN if there is none."""
        frame = next(frame for frame in self.frames if frame.end == self.at(end))
        wanted = tuple(sorted(attributes.items()))
        for series, key in enumerate(self.features.keys):
            found = (key.service, key.metric, key.stat, key.attributes)
            if found == (service, metric, stat, wanted) and series < len(frame.values):
                return float(frame.values[series])
        return float("nan")

    def has(self, service: str, metric: str, stat: str = "", **attributes: str) -> bool:
        wanted = (service, metric, stat, tuple(sorted(attributes.items())))
        return any((key.service, key.metric, key.stat, key.attributes) == wanted for key in self.features.keys)
