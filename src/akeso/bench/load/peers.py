"""Libraries that do a part of the same work, in the same process on the same input. Those that are not installed are
left out."""

import importlib
import time
from collections.abc import Sequence
from typing import Any

import cramjam
import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from akeso.bench.load.kernel import values_of
from akeso.protocols.protobuf_schema import Field, message_classes

_UPDATES = 100_000
_WRITE = {
    "WriteRequest": {"timeseries": Field(1, "TimeSeries", True)},
    "TimeSeries": {"labels": Field(1, "Label", True), "samples": Field(2, "Sample", True)},
    "Label": {"name": Field(1, "string"), "value": Field(2, "string")},
    "Sample": {"value": Field(1, "double"), "timestamp": Field(2, "int64")},
}


def river_updates() -> dict[str, float]:
    """Updates a second (score and learn) of River's detectors, one value after the other as River works."""
    try:
        anomaly: Any = importlib.import_module("river.anomaly")
    except ModuleNotFoundError:
        return {}
    made = {"gaussian_scorer": anomaly.GaussianScorer, "standard_deviation": anomaly.StandardAbsoluteDeviation}
    values = values_of(100, _UPDATES // 100).T.tolist()
    return {f"river_{name}_updates_per_s": _river(kind, values) for name, kind in made.items()}


def drain_lines(lines: Sequence[str]) -> dict[str, float]:
    """Lines a second of drain3 with its default settings."""
    try:
        drain3: Any = importlib.import_module("drain3")
    except ModuleNotFoundError:
        return {}
    miner = drain3.TemplateMiner()
    began = time.process_time()
    for line in lines:
        miner.add_log_message(line)
    return {"drain3_lines_per_s": len(lines) / (time.process_time() - began)}


def protobuf_samples(bodies: Sequence[bytes]) -> float:
    """Samples a second of a plain walk over WriteRequests: decompressed, parsed, each label and sample read."""
    kind, samples, began = message_classes("akeso.bench.peer", _WRITE)["WriteRequest"], 0, time.process_time()
    for body in bodies:
        for series in kind.FromString(bytes(cramjam.snappy.decompress_raw(body))).timeseries:
            labels = {label.name: label.value for label in series.labels}
            samples += len([(sample.timestamp, sample.value) for sample in series.samples]) if labels else 0
    return samples / (time.process_time() - began)


def protobuf_spans(bodies: Sequence[bytes]) -> float:
    """Spans a second of a plain walk over OTLP's traces: parsed, ids, name and times of each read."""
    spans, began = 0, time.process_time()
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                spans += len([(s.span_id, s.name, s.start_time_unix_nano, s.end_time_unix_nano) for s in scope.spans])
    return spans / (time.process_time() - began)


def _river(kind: Any, values: Sequence[Sequence[float]]) -> float:
    detectors = [kind() for _ in values]
    began = time.process_time()
    for detector, series in zip(detectors, values, strict=True):
        for value in series:
            try:
                detector.score_one(None, value)
                detector.learn_one(None, value)
            except TypeError:
                detector.score_one(value)
                detector.learn_one(value)
    return float(np.size(values)) / (time.process_time() - began)
