"""Which service a set of labels is about, where the sender does not say it in OpenTelemetry's way."""

from collections.abc import Mapping

from akeso.protocols.otlp.signals import UNKNOWN_SERVICE

# The first that is there decides; `job` stands last, because one job may scrape many services.
SERVICE_LABELS = ("service", "service_name", "app", "app_kubernetes_io_name", "deployment", "container", "job")


def service_of(labels: Mapping[str, str], names: tuple[str, ...] = SERVICE_LABELS) -> str:
    """The service, `unknown_service` without any of the labels."""
    return next((labels[name] for name in names if labels.get(name)), UNKNOWN_SERVICE)
