"""What a Prometheus server keeps, and its answers.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Floats, Times
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.scraping.selector import Selector, selector
from akeso.worlds.dialects.wire.remote_write import STALE, Head, Samples

_LOOKBACK_MS = 300_000
_STALE = struct.pack("<d", STALE)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A series. labels: with `__name__`; at: int64[n] ms; value: float64[n], its end as a stale marker."""

    labels: Mapping[str, str]
    at: Times
    value: Floats


class Store:
    """kept_s: how long; nothing is kept at 0."""

    def __init__(self, kept_s: float) -> None:
        self._kept = round(kept_s * SECOND)
        self._samples: deque[Samples] = deque()

    def keep(self, samples: Samples) -> None:
        """Take in."""
        if self._kept:
            self._samples.append(samples)

    def forget(self, now: int) -> None:
        """What is too old."""
        while self._samples and self._samples[0].at * 1_000_000 < now - self._kept:
            self._samples.popleft()

    def series_between(self, since: int, until: int) -> list[Kept]:
        """All samples stamped in (since, until], ns, by series in the order of their first appearance."""
        return list(self._between(since // 1_000_000, until // 1_000_000, Selector(())))

    def query_range(self, query: str, start_s: float, end_s: float, step_s: float) -> bytes:
        """The body of an answer of `/api/v1/query_range`. query: a selector, `name{label="value", …}`. Raises
        InvalidInput for anything more, as a server would for what it cannot parse."""
        if step_s < 1e-3 or end_s < start_s:
            raise InvalidInput("step", "has to be at least a millisecond, and the end not before the start")
        steps = np.arange(round(start_s * 1e3), round(end_s * 1e3) + 1, round(step_s * 1e3), dtype=np.int64)
        chosen = self._between(int(start_s * 1e3) - _LOOKBACK_MS, int(end_s * 1e3), selector(query))
        found = [{"metric": each.labels, "values": values} for each in chosen if (values := _stepped(each, steps))]
        return msgspec.json.encode({"status": "success", "data": {"resultType": "matrix", "result": found}})

    def _between(self, since_ms: int, until_ms: int, chosen: Selector) -> Iterator[Kept]:
        found: dict[Head, tuple[list[int], list[float]]] = {}
        takes: dict[Head, bool] = {}
        for samples in self._samples:
            if not since_ms < samples.at <= until_ms:
                continue
            for head, value in zip(samples.heads, samples.values.tolist(), strict=True):
                if head not in takes:
                    takes[head] = chosen.takes(dict(head.labels))
                if takes[head]:
                    times, values = found.setdefault(head, ([], []))
                    times.append(samples.at)
                    values.append(value)
        for head, (times, values) in found.items():
            yield Kept(dict(head.labels), np.array(times, np.int64), np.array(values))


def _stepped(series: Kept, steps: Times) -> list[tuple[float, str]]:
    place = np.searchsorted(series.at, steps, side="right") - 1
    told = []
    for step, index in zip(steps.tolist(), place.tolist(), strict=True):
        if index < 0 or step - int(series.at[index]) >= _LOOKBACK_MS:
            continue
        value = float(series.value[index])
        if struct.pack("<d", value) != _STALE:
            told.append((step / 1e3, repr(value)))
    return told
