"""OTLP messages as bytes. Field numbers: https://github.com/open-telemetry/opentelemetry-proto (v1)"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from akeso.worlds.dialects.wire.protobuf import (
    double,
    field,
    fixed64,
    length,
    number_field,
    packed_doubles,
    packed_fixed64,
    packed_varints,
    signed_field,
    text,
    varint,
)

Value: TypeAlias = str | bool | int | float | Sequence[str]

DELTA, CUMULATIVE = 1, 2

_PLAIN = (str, bool, int, float)


def any_value(value: Value) -> bytes:
    """An AnyValue."""
    match value:
        case bool():
            return varint(2 << 3) + (b"\x01" if value else b"\x00")
        case int():
            return varint(3 << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        case float():
            return double(4, value)
        case str():
            return field(1, value.encode())
        case _:
            return field(5, b"".join(field(1, any_value(each)) for each in value))


def attributes(number: int, pairs: Mapping[str, Value] | Iterable[tuple[str, Value]]) -> bytes:
    """Repeated KeyValues in the field `number`."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return b"".join(
        [_pair(number, name, value if isinstance(value, _PLAIN) else tuple(value)) for name, value in items]
    )


@lru_cache(maxsize=65_536, typed=True)
def _pair(number: int, name: str, value: Value) -> bytes:
    return field(number, text(1, name) + field(2, any_value(value)))


def resource(pairs: Mapping[str, Value]) -> bytes:
    """The resource as the first field of ResourceMetrics, ResourceSpans and ResourceLogs."""
    return field(1, attributes(1, pairs))


@lru_cache(maxsize=4_096)
def scope(name: str, version: str = "") -> bytes:
    """The instrumentation scope as the first field of ScopeMetrics, ScopeSpans and ScopeLogs."""
    return field(1, text(1, name) + text(2, version))


def scoped(head: bytes, items: Iterable[bytes], schema: bytes = b"") -> bytes:
    """A Scope… in its Resource…: head as `scope` makes it; items: whole fields (2) already."""
    return field(2, head + b"".join(items) + schema)


def number_point(labels: bytes, start: int, at: int, value: float) -> bytes:
    """A NumberDataPoint in its Sum or Gauge. labels: attributes(7, …); start 0: of a gauge; int values as integers."""
    began = fixed64(2, start) if start else b""
    told = b"\x31" + value.to_bytes(8, "little", signed=True) if isinstance(value, int) else double(4, value)
    body = began + fixed64(3, at) + told + labels
    return b"\x0a" + length(len(body)) + body


def histogram_point(labels: bytes, times: tuple[int, int], total: float, counts: Sequence[int], bounds: bytes) -> bytes:
    """A HistogramDataPoint in its Histogram. labels: attributes(9, …); times: start, time; bounds: `bounds_field`."""
    start, at = times
    head = fixed64(2, start) + fixed64(3, at) + fixed64(4, int(sum(counts))) + double(5, total)
    body = head + packed_fixed64(6, counts) + bounds + labels
    return b"\x0a" + length(len(body)) + body


@lru_cache(maxsize=256)
def bounds_field(bounds: tuple[float, ...]) -> bytes:
    """Explicit bounds as in a HistogramDataPoint."""
    return packed_doubles(7, bounds)


def exponential_point(
    labels: bytes, times: tuple[int, int], total: float, scale: int, offset: int, counts: Sequence[int]
) -> bytes:
    """An ExponentialHistogramDataPoint in its histogram. labels: attributes(1, …)."""
    start, at = times
    buckets = signed_field(1, offset) + packed_varints(2, counts)
    head = fixed64(2, start) + fixed64(3, at) + fixed64(4, int(sum(counts))) + double(5, total)
    body = labels + head + signed_field(6, scale) + field(8, buckets)
    return b"\x0a" + length(len(body)) + body


class Metrics:
    """The metrics of one scope, in their order of first use."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, int, int], list[bytes]] = {}

    def gauge(self, name: str, unit: str, point: bytes) -> None:
        """A Gauge's point."""
        self._add(name, unit, 5, 0, point)

    def sum(self, name: str, unit: str, temporality: int, point: bytes, *, monotonic: bool = True) -> None:
        """A Sum's point."""
        self._add(name, unit, 7, temporality | (4 if monotonic else 0), point)

    def histogram(self, name: str, unit: str, temporality: int, point: bytes) -> None:
        """An explicit Histogram's point."""
        self._add(name, unit, 9, temporality, point)

    def exponential(self, name: str, unit: str, temporality: int, point: bytes) -> None:
        """An ExponentialHistogram's point."""
        self._add(name, unit, 10, temporality, point)

    def fields(self) -> list[bytes]:
        """The metrics as fields of ScopeMetrics."""
        return [_metric(*key, b"".join(points)) for key, points in self._kinds.items()]

    @property
    def points(self) -> int:
        """How many points there are."""
        return sum(map(len, self._kinds.values()))

    def _add(self, name: str, unit: str, kind: int, flags: int, point: bytes) -> None:
        self._kinds.setdefault((name, unit, kind, flags), []).append(point)


def _metric(name: str, unit: str, kind: int, flags: int, points: bytes) -> bytes:
    monotonic = b"\x18\x01" if flags & 4 else b""
    data = points + number_field(2, flags & 3) + monotonic
    return field(2, _head(name, unit) + field(kind, data))


@lru_cache(maxsize=4_096)
def _head(name: str, unit: str) -> bytes:
    return text(1, name) + text(3, unit)
