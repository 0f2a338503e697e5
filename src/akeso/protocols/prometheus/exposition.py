"""Prometheus' names and labels as series. https://prometheus.io/docs/practices/naming/"""

from collections.abc import Mapping

from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.otlp.signals import INSTANCE
from akeso.stages.features.metric_meanings import shipped_meanings

_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_PARTS = {"_bucket": "bucket", "_count": "count", "_sum": "sum"}
_UNITS = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}


def prometheus_key(
    tenant: str, name: str, labels: Mapping[str, str], names: tuple[str, ...] = SERVICE_LABELS
) -> SeriesKey:
    """The series of a metric and its labels (without `__name__`); what kind it is is told from what is known of the
    metric, else from the name's suffix.

    `instance` becomes `service.instance.id`, and the label that named the service is left out.
    """
    service = service_of(labels, names)
    named = next((label for label in names if labels.get(label)), "")
    kept = {label: value for label, value in labels.items() if value and label != named}
    if "instance" in kept:
        kept[INSTANCE] = kept.pop("instance")
    known = shipped_meanings().of(name)
    suffix = "" if known is not None else next((each for each in _COUNTERS if name.endswith(each)), "")
    counts = bool(suffix) if known is None else known.type == "counter"
    temporality = Temporality.CUMULATIVE if counts else Temporality.GAUGE
    stat = _PARTS.get(suffix, "")
    metric = name.removesuffix(suffix) if stat else name
    return SeriesKey(tenant, service, metric, tuple(sorted(kept.items())), _unit(metric), temporality, stat)


def _unit(metric: str) -> str:
    return next((unit for suffix, unit in _UNITS.items() if metric.removesuffix("_total").endswith(suffix)), "")
