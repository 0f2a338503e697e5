"""Which queue a series is about, and who is to empty it."""

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import SeriesKey
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms

_DESTINATION = ("destination", "queue", "topic")
_CONSUMING = ("process", "consum", "receive")


def destinations(key: SeriesKey) -> frozenset[str]:
    """The queues or topics that a series names. A broker tells of them by labels; calls know only their names."""
    return frozenset(value for name, value in key.attributes if any(word in name for word in _DESTINATION))


def consumers(case: Case, symptoms: Symptoms, queue: SeriesDeviation) -> list[str]:
    """Services that process from the queue: by shared attributes, by group name, by calls through the queue's name,
    else by asynchronous calls."""
    owner = queue.key.service
    shared = {(n, v) for n, v in queue.key.attributes if "destination" in n or "group" in n or "topic" in n}
    named = {value for name, value in shared if "group" in name} & case.topology.nodes
    found = {
        d.key.service
        for service in symptoms.services - {owner}
        for d in symptoms.of(service)
        if shared & set(d.key.attributes) and _consuming(d)
    }
    if found or named:
        return sorted(found | named)
    sent = [edge for edge in case.topology.edges if edge.asynchronous]
    through = destinations(queue.key)
    # Who is called through a queue is a service; the queue itself is not.
    emptying = {e.callee for e in sent if e.caller in through}
    return sorted(emptying or {e.callee for e in sent} - {owner} - through)


def _consuming(deviation: SeriesDeviation) -> bool:
    words = [deviation.key.metric, *(v for n, v in deviation.key.attributes if n == "messaging.operation.type")]
    return any(part in word.lower() for word in words for part in _CONSUMING)
