"""Evidence from memory: incidents that looked like this one."""

from collections import defaultdict
from collections.abc import Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import UNKNOWN, Evidence
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Recovery

# How much the end of a past incident confirms what was believed about it. One that ended unknown confirms nothing.
_CONFIRMED = {Recovery.RECOVERED: 1.0, Recovery.UNKNOWN: 0.0, Recovery.NOT_RECOVERED: -0.25}


class Similar:
    """Recollections vote for their service and class, by similarity and by how their incident ended.

    The same fault at another place is similar as well, but speaks for no place.
    """

    name = "similar"

    def __init__(self, weight: float = 0.8, at_most: float = 1.2, least_similarity: float = 0.5) -> None:
        self._weight = weight
        self._at_most = at_most
        self._least = least_similarity

    def gather(self, case: Case) -> Sequence[Evidence]:
        votes: dict[tuple[str, str], list[Recollection]] = defaultdict(list)
        for recollection in case.similar:
            if recollection.similarity >= self._least and _may_be_here(recollection.memory, case):
                votes[recollection.memory.service, recollection.memory.fault_class].append(recollection)
        return [self._finding(service, kind, found) for (service, kind), found in sorted(votes.items())]

    def _finding(self, service: str, kind: str, found: list[Recollection]) -> Evidence:
        vote = self._weight * sum(r.similarity * _CONFIRMED[r.memory.recovery] for r in found)
        vote = max(-self._at_most, min(self._at_most, vote))
        best = max(found, key=lambda r: r.similarity)
        return Evidence(
            self.name,
            service,
            f"{len(found)} past incident(s) resemble this one and were {kind} of {service}; the closest, "
            f"{best.memory.incident} ({best.similarity:.0%} alike), ended {best.memory.recovery} after "
            f"{best.memory.action or 'no action'}",
            vote,
            {} if kind in {"", UNKNOWN} else {kind: vote},
            {"incidents": float(len(found)), "similarity": best.similarity},
        )


def _may_be_here(memory: Memory, case: Case) -> bool:
    # A service that showed signs itself when it was at fault will do so again.
    then = {sign.rpartition(":")[0] for sign in memory.signature}
    now = {a.service for a in case.anomalies} | {a.service for a in case.alerts}
    return memory.service in now or memory.service not in then
