"""Requests compared with requests like them: how much longer the same operations take.

The mean of a service also rises when more of its requests are of a slow kind.
"""

from collections.abc import Mapping

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import SpanKind
from akeso.stages.diagnosis.case_cache import cached_per_case

_FEWEST = 3  # requests of an operation before, and during
_HALF = 0.5  # of what is claimed is enough
_LEAST = 0.3  # what a claim counts of which like requests show nothing


def borne_out(case: Case, service: str, claimed_ms: float) -> float:
    """How far traces bear out that requests to a service take so much longer: 0.3 (not at all) to 1, which it also is
    where they cannot tell."""
    found = _longer(case).get(service)
    if found is None or claimed_ms <= 0:
        return 1.0
    return float(np.clip(found / (_HALF * claimed_ms), _LEAST, 1.0))


@cached_per_case
def _longer(case: Case) -> Mapping[str, float]:
    """Service → ms that its operations take longer, by medians, each counted as often as it is asked for now."""
    traces = case.traces
    entries = traces.spans[np.isin(traces.spans["kind"], (SpanKind.SERVER, SpanKind.CONSUMER))]
    took_ms, during = (entries["end"] - entries["start"]) / 1e6, entries["start"] > case.onset
    order = np.argsort(entries["place"], kind="stable")
    places, first = np.unique(entries["place"][order], return_index=True)
    sums: dict[str, tuple[float, int]] = {}
    ends = np.append(first[1:], len(order))
    for place, begin, end in zip(places.tolist(), first.tolist(), ends.tolist(), strict=False):
        mine = order[begin:end]
        before, now = took_ms[mine[~during[mine]]], took_ms[mine[during[mine]]]
        if min(len(before), len(now)) >= _FEWEST:
            service = traces.places[place].service
            longer, count = sums.get(service, (0.0, 0))
            rise = float(np.median(now) - np.median(before))
            sums[service] = longer + len(now) * rise, count + len(now)
    return {service: longer / count for service, (longer, count) in sums.items()}
