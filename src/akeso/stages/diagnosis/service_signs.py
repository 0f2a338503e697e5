"""What a service shows of itself: how it serves, and what it has run out of."""

import numpy as np

from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_P95, RED_RATE, Signal
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, usual_pause

_STARVED_CPU = 0.65
_NEWEST = 3  # slots
_FEWEST = 3.0  # requests, of which none comes by chance once in twenty times


def server_latency(symptoms: Symptoms, service: str) -> SeriesDeviation | None:
    """The latency of what a service serves: from spans, else from its own metrics."""
    for metric, stat in ((RED_MEAN, ""), (RED_P95, ""), ("http.server.request.duration", "mean")):
        if (found := symptoms.find(service, metric, stat)) is not None:
            return found
    return max(symptoms.signal(service, Signal.LATENCY), key=lambda d: d.size, default=None)


def server_errors(symptoms: Symptoms, service: str) -> SeriesDeviation | None:
    """The error share of what a service serves: from spans, else from its own metrics."""
    if (found := symptoms.find(service, RED_ERRORS)) is not None:
        return found
    return max(symptoms.signal(service, Signal.ERRORS), key=lambda d: d.size, default=None)


def pool_exhausted(symptoms: Symptoms, service: str) -> tuple[float, float] | None:
    """(connections used, requests waiting for one) when a client pool of the service is newly full."""
    pending = [d for d in symptoms.metric(service, "db.client.connection.pending_requests") if d.level >= 1]
    used = [d for d in symptoms.metric(service, "db.client.connection.count") if ("state", "used") in d.key.attributes]
    limit = [d for d in symptoms.metric(service, "db.client.connection.max") if np.isfinite(d.last)]
    full = used and limit and max(d.last for d in used) >= 0.95 * max(d.last for d in limit) > 0
    if not pending or not full or not any(d.up for d in (*pending, *used)):
        return None
    return max(d.last for d in used), max(d.level for d in pending)


def locked(symptoms: Symptoms, service: str) -> SeriesDeviation | None:
    """The worst sign that work in this service (a database) waits for locks."""
    found = [d for d in symptoms.signal(service, Signal.LOCKS) if d.up and d.level >= 1]
    return max(found, key=lambda d: d.size, default=None)


def starved(symptoms: Symptoms, service: str) -> SeriesDeviation | None:
    """The processor use of a service that newly has hardly a core left."""
    found = [
        d
        for d in symptoms.signal(service, Signal.CPU)
        if symptoms.lately(d) >= max(_STARVED_CPU, d.past + 0.35) and d.rise > 0.1
    ]
    return max(found, key=lambda d: d.last, default=None)


def throughput(symptoms: Symptoms, service: str) -> tuple[float, float]:
    """Requests a second that a service finished before the fault, and lately.

    Who tells of them in batches, or has few, has empty slots in between: then it is counted over so many of the newest
    slots that some were due. Before any are due the two are equal.
    """
    rate = symptoms.find(service, RED_RATE)
    if rate is None:
        return 0.0, 0.0
    values = np.nan_to_num(symptoms.values(rate))
    before, during = values[~symptoms.during], values[symptoms.during]
    if rate.past > 0:
        return rate.past, float(during[-_NEWEST:].mean()) if len(during) else 0.0
    past = float(before.mean()) if len(before) else 0.0
    slots = max(_NEWEST, usual_pause(before) + 1, int(np.ceil(_FEWEST / (past * symptoms.slot_s))) if past else 0)
    return past, float(during[-slots:].mean()) if len(during) >= slots else past
