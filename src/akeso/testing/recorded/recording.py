"""A made-up recording of a small shop in which one service becomes slow and fails, for tests of replays."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from akeso.domain.telemetry.batches import (
    NANOSECONDS,
    Mask,
    MetricBlock,
    SeriesKey,
    SpanBlock,
    SpanIds,
    SpanKind,
    TelemetryBatch,
    Times,
)
from akeso.domain.telemetry.series import SeriesTable

BEGAN = 1_900_000_000 * NANOSECONDS
CALLS = 20  # a batch


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Calls as one side of them tells. ids, parents: uint64[n]; start, took: int64[n] ns; failed: bool[n]."""

    ids: SpanIds
    parents: SpanIds
    start: Times
    took: Times
    failed: Mask

    def by(self, service: str, kind: int, peer: str = "") -> SpanBlock:
        """The spans of one service."""
        same = np.zeros(len(self.ids), np.int32)
        kinds = np.full(len(self.ids), kind, np.uint8)
        trace = self.ids // np.uint64(4)
        return SpanBlock(
            service, ("GET /",), (peer,), trace, self.ids, self.parents, same, same, kinds, self.start, self.took,
            self.failed,
        )  # fmt: skip

    def child(self) -> "Heard":
        """The same calls a span deeper."""
        return replace(self, ids=self.ids + np.uint64(1), parents=self.ids)


def sick_shop(
    table: SeriesTable, calm_s: int = 50, sick_s: int = 12, tenant: str = "default", well_s: int = 10
) -> Iterator[TelemetryBatch]:
    """Two batches a second, in which `web` calls `cart`; after `calm_s` cart takes ten times as long and half its calls
    fail, for `sick_s`, and then all is well again for `well_s`."""
    chance = np.random.default_rng(5)
    cpu = table.intern(SeriesKey(tenant, "cart", "process.cpu.utilization"))
    for half in range(2 * (calm_s + sick_s + well_s)):
        at = BEGAN + half * NANOSECONDS // 2
        sick = calm_s <= half / 2 < calm_s + sick_s
        took = (chance.normal(200.0 if sick else 20.0, 2.0, CALLS) * 1e6).astype(np.int64)
        failed = chance.random(CALLS) < (0.5 if sick else 0.0)
        ids = np.arange(half * CALLS + 1, (half + 1) * CALLS + 1, dtype=np.uint64) * np.uint64(4)
        start = at - took - np.arange(CALLS) * 10_000_000
        shown = Heard(ids, np.zeros(CALLS, np.uint64), start, took, failed)
        calls = shown.child()
        spans = (
            shown.by("web", SpanKind.SERVER),
            calls.by("web", SpanKind.CLIENT, "cart"),
            calls.child().by("cart", SpanKind.SERVER),
        )
        level = MetricBlock(np.array([cpu], np.int32), np.array([at]), chance.normal(0.4, 0.01, 1))
        yield TelemetryBatch(tenant, at + 40_000_000, level, spans=spans, author="shop")
