"""What the usual runtime instrumentation of each language tells of its process.

https://opentelemetry.io/docs/specs/semconv/runtime/ and …/system/process-metrics/; before them `process.runtime.*`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from akeso.worlds.dialects.tally.sums import Sums
from akeso.worlds.dialects.wire.otlp import CUMULATIVE, DELTA, Metrics, Value, attributes, number_point
from akeso.worlds.estate.service import Runtime
from akeso.worlds.observation import InstanceColumns

_Labels: TypeAlias = tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One process at one time. columns: levels now; sums: since it began; row: of both; start, at: ns."""

    columns: InstanceColumns
    sums: Sums
    row: int
    start: int
    at: int

    def level(self, name: str) -> float:
        """A level of the instance."""
        return float(getattr(self.columns, name)[self.row])

    def total(self, name: str) -> float:
        """A sum of the instance."""
        return float(getattr(self.sums, name)[self.row])


class Counters:
    """What the counters of one life said before, for who tells differences. at: ns of that."""

    def __init__(self, at: int) -> None:
        self.at = at
        self._values: dict[tuple[str, _Labels], float] = {}

    def grown(self, name: str, labels: _Labels, value: float) -> float:
        """By how much a counter grew."""
        before = self._values.get((name, labels), 0)
        self._values[name, labels] = value
        return value - before


class Writer:
    """Points of one reading. since: tell counters as differences, None as totals."""

    def __init__(self, metrics: Metrics, reading: Reading, since: Counters | None = None) -> None:
        self._metrics, self.reading, self.since = metrics, reading, since

    def gauge(self, name: str, unit: str, value: float, *labels: tuple[str, Value]) -> None:
        """A level."""
        self._metrics.gauge(name, unit, number_point(_encoded(labels), 0, self.reading.at, value))

    def updown(self, name: str, unit: str, value: float, *labels: tuple[str, Value]) -> None:
        """An UpDownCounter: a cumulative sum that may fall."""
        point = number_point(_encoded(labels), self.reading.start, self.reading.at, int(value))
        self._metrics.sum(name, unit, CUMULATIVE, point, monotonic=False)

    def counter(self, name: str, unit: str, value: float, *labels: tuple[str, Value]) -> None:
        """A counter."""
        encoded, reading, since = _encoded(labels), self.reading, self.since
        if since is None:
            self._metrics.sum(name, unit, CUMULATIVE, number_point(encoded, reading.start, reading.at, value))
        else:
            grown = since.grown(name, labels, value)
            self._metrics.sum(name, unit, DELTA, number_point(encoded, since.at, reading.at, grown))


@lru_cache(maxsize=16_384)
def _encoded(labels: _Labels) -> bytes:
    return attributes(7, labels)


def write_runtime(runtime: Runtime, writer: Writer, *, old: bool) -> None:
    """The runtime's metrics. old: names before they were stable."""
    told: Any = (_OLD if old else _STABLE).get(runtime)
    if told is not None:
        told(writer)


def _python(writer: Writer) -> None:
    reading = writer.reading
    writer.updown("process.memory.usage", "By", reading.level("rss"))
    writer.updown("process.memory.virtual", "By", reading.level("rss") * 3 + 4e8)
    writer.counter("process.cpu.time", "s", reading.total("cpu_s") * 0.85, ("type", "user"))
    writer.counter("process.cpu.time", "s", reading.total("cpu_s") * 0.15, ("type", "system"))
    writer.updown("process.thread.count", "{thread}", reading.level("threads"))
    writer.updown("process.open_file_descriptor.count", "{count}", reading.level("fds"))
    for generation in range(3):
        collected = int(reading.total("gc_count") / 10**generation)
        writer.counter("cpython.gc.collections", "{collection}", collected, ("generation", str(generation)))


def _old_python(writer: Writer) -> None:
    reading = writer.reading
    writer.updown("process.runtime.cpython.memory", "By", reading.level("rss"), ("type", "rss"))
    writer.updown("process.runtime.cpython.memory", "By", reading.level("rss") * 3 + 4e8, ("type", "vms"))
    writer.counter("process.runtime.cpython.cpu_time", "s", reading.total("cpu_s") * 0.85, ("type", "user"))
    writer.counter("process.runtime.cpython.cpu_time", "s", reading.total("cpu_s") * 0.15, ("type", "system"))
    writer.updown("process.runtime.cpython.thread_count", "{thread}", reading.level("threads"))
    writer.gauge("process.runtime.cpython.cpu.utilization", "1", reading.level("cpu_s"))
    for generation in range(3):
        collected = int(reading.total("gc_count") / 10**generation)
        writer.counter("process.runtime.cpython.gc_count", "By", collected, ("count", str(generation)))


_HEAP = (("jvm.memory.type", "heap"), ("jvm.memory.pool.name", "G1 Old Gen"))
_EDEN = (("jvm.memory.type", "heap"), ("jvm.memory.pool.name", "G1 Eden Space"))
_METASPACE = (("jvm.memory.type", "non_heap"), ("jvm.memory.pool.name", "Metaspace"))


def _java(writer: Writer) -> None:
    reading = writer.reading
    after, heap = reading.level("heap_after_gc"), reading.level("heap")
    writer.updown("jvm.memory.used", "By", after, *_HEAP)
    writer.updown("jvm.memory.used", "By", max(heap - after, 0.0), *_EDEN)
    writer.updown("jvm.memory.used", "By", 9e7, *_METASPACE)
    writer.updown("jvm.memory.used_after_last_gc", "By", after, *_HEAP)
    writer.updown("jvm.memory.committed", "By", heap * 1.2, *_HEAP)
    limit = reading.level("memory_limit")
    if limit:
        writer.updown("jvm.memory.limit", "By", limit / 2, *_HEAP)
    state = (("jvm.thread.daemon", True), ("jvm.thread.state", "runnable"))
    writer.updown("jvm.thread.count", "{thread}", reading.level("threads"), *state)
    writer.updown("jvm.class.count", "{class}", 14_210)
    writer.counter("jvm.cpu.time", "s", reading.total("cpu_s"))
    writer.updown("jvm.cpu.count", "{cpu}", max(reading.level("cpu_limit"), 1.0))
    cores = max(reading.level("cpu_limit"), 1.0)
    writer.gauge("jvm.cpu.recent_utilization", "1", min(reading.level("cpu_s") / cores, 1.0))


def _old_java(writer: Writer) -> None:
    reading = writer.reading
    heap = (("type", "heap"), ("pool", "G1 Old Gen"))
    writer.updown("process.runtime.jvm.memory.usage", "By", reading.level("heap"), *heap)
    writer.updown("process.runtime.jvm.memory.usage_after_last_gc", "By", reading.level("heap_after_gc"), *heap)
    writer.updown("process.runtime.jvm.threads.count", "{thread}", reading.level("threads"), ("daemon", True))
    cores = max(reading.level("cpu_limit"), 1.0)
    writer.gauge("process.runtime.jvm.cpu.utilization", "1", min(reading.level("cpu_s") / cores, 1.0))


def _go(writer: Writer) -> None:
    reading = writer.reading
    writer.updown("go.memory.used", "By", reading.level("heap"), ("go.memory.type", "other"))
    writer.updown("go.memory.used", "By", reading.level("threads") * 8192, ("go.memory.type", "stack"))
    writer.updown("go.goroutine.count", "{goroutine}", reading.level("in_flight") * 2 + 12)
    writer.updown("go.processor.limit", "{thread}", max(reading.level("cpu_limit"), 1.0))
    writer.updown("go.config.gogc", "%", 100)


def _old_go(writer: Writer) -> None:
    reading = writer.reading
    writer.updown("process.runtime.go.goroutines", "{goroutine}", reading.level("in_flight") * 2 + 12)
    writer.updown("process.runtime.go.mem.heap_alloc", "By", reading.level("heap"))
    writer.updown("process.runtime.go.mem.heap_sys", "By", reading.level("rss"))
    writer.counter("process.runtime.go.gc.count", "{gc}", int(reading.total("gc_count")))


def _node(writer: Writer) -> None:
    reading = writer.reading
    delay = 1e-3 + 0.2 * reading.total("gc_s") / max((reading.at - reading.start) / 1e9, 1.0)
    writer.gauge("nodejs.eventloop.delay.mean", "s", delay)
    writer.gauge("nodejs.eventloop.delay.p99", "s", delay * (2 + reading.level("waiting")))
    writer.gauge("nodejs.eventloop.utilization", "1", min(reading.level("cpu_s"), 1.0))
    writer.updown("v8js.memory.heap.used", "By", reading.level("heap"), ("v8js.heap.space.name", "old_space"))
    writer.updown("v8js.memory.heap.limit", "By", reading.level("memory_limit"), ("v8js.heap.space.name", "old_space"))


def _dotnet(writer: Writer) -> None:
    reading = writer.reading
    writer.updown("dotnet.process.memory.working_set", "By", reading.level("rss"))
    writer.updown(
        "dotnet.gc.last_collection.heap.size", "By", reading.level("heap_after_gc"), ("gc.heap.generation", "gen2")
    )
    writer.counter("dotnet.gc.pause.time", "s", reading.total("gc_s"))
    writer.counter("dotnet.process.cpu.time", "s", reading.total("cpu_s"), ("cpu.mode", "user"))
    writer.updown("dotnet.thread_pool.thread.count", "{thread}", reading.level("threads"))
    writer.updown("dotnet.thread_pool.queue.length", "{work_item}", reading.level("waiting"))


_STABLE = {
    Runtime.PYTHON: _python,
    Runtime.JAVA: _java,
    Runtime.GO: _go,
    Runtime.NODE: _node,
    Runtime.DOTNET: _dotnet,
}
_OLD = _STABLE | {Runtime.PYTHON: _old_python, Runtime.JAVA: _old_java, Runtime.GO: _old_go}
