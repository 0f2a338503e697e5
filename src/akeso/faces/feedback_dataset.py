"""People's words on diagnoses, as lines that a model can be tuned or judged with."""

from collections.abc import Iterable, Iterator

from akeso.domain.incident.events import Entry, FeedbackGiven
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Incident


def dataset(entries: Iterable[Entry]) -> Iterator[dict[str, str | int]]:
    """A line for each word on the diagnosis that stood when it was said. human_rating: 1 for helpful, 0 for not."""
    incident: Incident | None = None
    for entry in entries:
        incident = evolve(incident, entry)
        if isinstance(entry.event, FeedbackGiven) and incident.diagnosis is not None:
            said = entry.event
            yield {"prompt": _seen(incident), "diagnosis": _found(incident), "human_rating": int(said.helpful)}


def _seen(incident: Incident) -> str:
    symptoms = [
        f"{a.service}: {a.key.metric} {a.key.stat}".rstrip() + f" is {a.observed:g}" for a in incident.anomalies
    ]
    alerts = [f"{a.service}: {a.title}" for a in incident.alerts]
    return "\n".join([incident.symptom or incident.title, *symptoms, *alerts])


def _found(incident: Incident) -> str:
    assert incident.diagnosis is not None
    best = incident.diagnosis.best
    named = f"{best.service}: {best.fault_class} ({best.confidence:.0%})" if best else "unknown"
    grounds = [e.statement for e in best.evidence] if best else []
    return "\n".join([named, *grounds])
