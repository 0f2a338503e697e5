"""Prometheus' names and labels as series. https://prometheus.io/docs/practices/naming/"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum

from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.otlp.signals import INSTANCE
from akeso.stages.features.metric_meanings import meanings_in_force

_PARTS = {"_bucket": "bucket", "_count": "count", "_sum": "sum"}
_UNITS = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}


class Shape(Enum):
    """What the samples of a metric's name are: values of a level, of a counter, or of a part of a histogram or
    summary."""

    LEVEL = "level"
    COUNTER = "counter"
    PART = "part"


_SIMPLE = {"counter": Shape.COUNTER, "gauge": Shape.LEVEL}


def part_of(name: str) -> tuple[str, str]:
    """The family and the suffix of a name that may be a histogram's or summary's part; else the name and ""."""
    suffix = next((each for each in _PARTS if name.endswith(each)), "")
    return name.removesuffix(suffix), suffix


def shape_named(name: str, *, has_parts: bool) -> Shape:
    """What a name alone tells, if it is none of a well-known exporter. has_parts: its family has a sum or buckets; a
    count without them counts what there is."""
    known = meanings_in_force().of(name)
    if known is not None and known.type in _SIMPLE:
        return _SIMPLE[known.type]
    if name.endswith("_total"):
        return Shape.COUNTER
    match part_of(name)[1]:
        case "_sum" | "_bucket":
            return Shape.PART
        case "_count" if has_parts:
            return Shape.PART
        case _:
            return Shape.LEVEL


def prometheus_key(
    tenant: str, name: str, labels: Mapping[str, str], shape: Shape, names: tuple[str, ...] = SERVICE_LABELS
) -> SeriesKey:
    """The series of a metric and its labels (without `__name__`).

    `instance` becomes `service.instance.id`, and the label that named the service is left out.
    """
    service = service_of(labels, names)
    # The label that says the same as the name of the service says nothing more.
    named = next((label for label in names if labels.get(label) == service), "")
    kept = {label: value for label, value in labels.items() if value and label != named}
    if "instance" in kept:
        kept[INSTANCE] = kept.pop("instance")
    return _shaped(SeriesKey(tenant, service, name, tuple(sorted(kept.items()))), name, shape)


def intern_mended(table: SeriesTable, key: SeriesKey) -> int:
    """The id of a series. One that was taken for another shape, before it was known which it has, is mended."""
    found = table.find(key)
    if found is None:
        known = (table.find(other) for other in _other_shapes(key))
        found = next((index for index in known if index is not None), None)
    if found is None:
        return table.intern(key)
    if table[found] != key:
        table.mend(found, key)
    return found


def _shaped(key: SeriesKey, name: str, shape: Shape) -> SeriesKey:
    family, suffix = part_of(name)
    metric = family if shape is Shape.PART else name
    stat = _PARTS.get(suffix, "") if shape is Shape.PART else ""
    temporality = Temporality.GAUGE if shape is Shape.LEVEL else Temporality.CUMULATIVE
    return replace(key, metric=metric, stat=stat, temporality=temporality, unit=_unit(metric))


def _other_shapes(key: SeriesKey) -> Iterator[SeriesKey]:
    name = f"{key.metric}_{key.stat}" if f"_{key.stat}" in _PARTS else key.metric
    for shape in Shape:
        other = _shaped(key, name, shape)
        yield from {other, replace(other, unit=key.unit), replace(other, unit="")}


def _unit(metric: str) -> str:
    return next((unit for suffix, unit in _UNITS.items() if metric.removesuffix("_total").endswith(suffix)), "")
