"""Which service a set of labels is about, where the sender does not say it in OpenTelemetry's way."""

from collections.abc import Mapping

from akeso.protocols.entities import entity_of, qualified
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE

# The labels of which the rules of defaults/entities.yaml make a name; other names are taken as they are.
SERVICE_LABELS = ("service", "service_name", "app", "app_kubernetes_io_name", "deployment", "container", "job")


def service_of(labels: Mapping[str, str], names: tuple[str, ...] = SERVICE_LABELS) -> str:
    """The service or other entity, by the rules; by the first of `names` where others are asked for.
    `unknown_service` where nothing tells."""
    if names == SERVICE_LABELS:
        return entity_of(labels).name
    found = next((labels[name] for name in names if labels.get(name)), UNKNOWN_SERVICE)
    return found if found == UNKNOWN_SERVICE else qualified(found, labels)
