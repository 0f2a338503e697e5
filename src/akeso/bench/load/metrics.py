"""Metric bodies: Prometheus remote write of both versions and OTLP, of series that nobody has to recognise."""

import struct
from collections.abc import Iterator, Mapping

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from akeso.bench.load.bodies import Template, places
from akeso.domain.telemetry.batches import NANOSECONDS, Times
from akeso.testing.requests.protobuf_wire import varint
from akeso.testing.requests.remote_write import SecondRequest, first_request, first_series

# 10,000 rows to a block is what vmagent sends; Prometheus' own default is 2,000 samples.
ITEMS = 10_000
_STAMP_MS = 0x155_5A5A_5A5A
_STAMP_NS = 0x1A5B_3C7D_1E2F_4B6D
_VALUE = struct.unpack("<d", bytes.fromhex("a17c5e93b2d86f41"))[0]
_SERIES_A_SERVICE = 500
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_POINT_LABELS = ("endpoint", "instance", "namespace", "pod", "region")
_MS = NANOSECONDS // 1000


def labels_of(series: int) -> Mapping[str, str]:
    """Nine labels, as a scraped pod has them. Every other series is a counter."""
    service, number = divmod(series, _SERIES_A_SERVICE)
    metric, pod = divmod(number, 10)
    return {
        "__name__": f"app_cache_region_{metric}_{'entries' if series % 2 else 'lookups_total'}",
        "cluster": "eu-west-1-production",
        "container": f"service-{service}",
        "endpoint": "metrics",
        "instance": f"10.{service % 200}.{pod}.17:9090",
        "job": f"shop/service-{service}",
        "namespace": "shop",
        "pod": f"service-{service}-7d9c5b8f6d-{pod:05d}",
        "region": f"r{pod}",
    }


def first_templates(series: int) -> list[Template]:
    """Requests of version 1.0 that hold each series once; few series are repeated until a request is full."""
    return [_first(chunk) for chunk in _chunks(series)]


def second_templates(series: int) -> list[Template]:
    """The same as version 2.0."""
    return [_second(chunk) for chunk in _chunks(series)]


def otlp_templates(series: int) -> list[Template]:
    """The same as OTLP's protobuf: one resource a service, one metric a name."""
    return [_otlp(chunk) for chunk in _chunks(series)]


def _chunks(series: int) -> Iterator[list[int]]:
    for start in range(0, series, ITEMS):
        some = list(range(start, min(start + ITEMS, series)))
        yield (some * -(-ITEMS // len(some)))[:ITEMS]


def _first(chunk: list[int]) -> Template:
    return _template(first_request(*(first_series(labels_of(s), [(_STAMP_MS, _VALUE)]) for s in chunk)), chunk)


def _second(chunk: list[int]) -> Template:
    request = SecondRequest()
    for series in chunk:
        request.add(labels_of(series), [(_STAMP_MS, _VALUE)])
    return _template(bytes(request), chunk)


def _template(body: bytes, chunk: list[int]) -> Template:
    return Template(
        plain=np.frombuffer(body, np.uint8),
        stamps=places(body, b"\x10" + varint(_STAMP_MS)) + 1,
        values=places(body, struct.pack("<d", _VALUE)),
        offsets=_behind(chunk),
        varint=True,
        climbs=np.array([series % 2 == 0 for series in chunk], np.bool_),
        snappy=True,
    )


def _behind(chunk: list[int]) -> Times:
    # A series that is there several times was sampled a millisecond apart.
    rounds = np.arange(len(chunk)) // len(set(chunk))
    return np.asarray((rounds.max() - rounds) * _MS, np.int64)


def _otlp(chunk: list[int]) -> Template:
    grouped: dict[str, dict[str, list[int]]] = {}
    for place, series in enumerate(chunk):
        labels = labels_of(series)
        grouped.setdefault(labels["container"], {}).setdefault(labels["__name__"], []).append(place)
    request = ExportMetricsServiceRequest()
    for service, metrics in grouped.items():
        resource = request.resource_metrics.add()
        resource.resource.attributes.add(key="service.name").value.string_value = service
        scope = resource.scope_metrics.add()
        for name, members in metrics.items():
            _add(scope.metrics.add(name=name), [chunk[place] for place in members])
    body = request.SerializeToString()
    order = [place for metrics in grouped.values() for members in metrics.values() for place in members]
    return Template(
        plain=np.frombuffer(body, np.uint8),
        stamps=places(body, struct.pack("<Q", _STAMP_NS)),
        values=places(body, struct.pack("<d", _VALUE)),
        offsets=_behind(chunk)[order],
        varint=False,
        climbs=np.array([chunk[place] % 2 == 0 for place in order], np.bool_),
        snappy=False,
    )


def _add(metric: Metric, members: list[int]) -> None:
    climbs = members[0] % 2 == 0
    if climbs:
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = _CUMULATIVE, True
    points = metric.sum.data_points if climbs else metric.gauge.data_points
    for series in members:
        point = points.add(time_unix_nano=_STAMP_NS, as_double=_VALUE)
        labels = labels_of(series)
        for key in _POINT_LABELS:
            point.attributes.add(key=key).value.string_value = labels[key]
