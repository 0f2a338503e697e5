"""How long what is told in an alert may be: it is kept in the journal, for years, with every copy of the alert."""

from dataclasses import replace

from akeso.domain.detection.anomaly import Alert
from akeso.domain.telemetry.batches import Attributes

TITLE, NAME, LABEL, ANNOTATION = 500, 200, 1_000, 4_000
LABELS, ANNOTATIONS = 64, 32


def within_limits(alert: Alert) -> Alert:
    """The alert with every text cut at its limit; the same when nothing is beyond one.

    title: 500 characters; identities, services, sources and names of labels: 200; labels: 64 of up to 1,000 each;
    annotations: 32 of up to 4,000 each. An identity that is cut goes on telling alerts apart by its beginning.
    """
    return replace(
        alert,
        fingerprint=cut(alert.fingerprint, NAME),
        source=cut(alert.source, NAME),
        service=cut(alert.service, NAME),
        title=cut(alert.title, TITLE),
        labels=_pairs(alert.labels, LABELS, LABEL),
        annotations=_pairs(alert.annotations, ANNOTATIONS, ANNOTATION),
        fault_class=cut(alert.fault_class, NAME),
    )


def cut(text: str, most: int) -> str:
    """At most so many characters; where some are missing an ellipsis says so."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _pairs(pairs: Attributes, many: int, most: int) -> Attributes:
    return tuple((cut(name, NAME), cut(value, most)) for name, value in pairs[:many])
