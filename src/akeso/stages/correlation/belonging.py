"""Whether something new belongs to an open incident: by onset, entity, kind and the call graph.

While the cause of an incident is not known, whatever is in reach may help to find it. Once it is known, only what began
together with it, what concerns the same services, and what calls them (effects travel from callee to caller) belongs to
it; anything else is another incident, however near it is.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.identity import is_fallback
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.incident import Incident


@dataclass(frozen=True, slots=True)
class News:
    """Something new. touched: the services it speaks of; opens: it may open an incident of its own."""

    touched: frozenset[str]
    onset: datetime
    opens: bool = True


def hops_between(some: Collection[str], others: Collection[str], topology: Topology, limit: int) -> int | None:
    """The fewest calls from one of `some` to one of `others`, in either direction; None beyond `limit`. A name that
    only says that none is known is near to nothing."""
    ours, theirs = ({name for name in names if not is_fallback(name)} for names in (some, others))
    if ours & theirs:
        return 0
    found = (topology.distance(s, o, limit) for s in ours for o in theirs)
    return min((hops for hops in found if hops is not None), default=None)


def goes_on(anomaly: Anomaly, incident: Incident) -> bool:
    """Whether it is a symptom that the incident has already, which comes again: that is no news, however late."""
    return any(a.key == anomaly.key for a in incident.anomalies)


def explained_by(news: News, incident: Incident, together_until: datetime, topology: Topology) -> bool:
    """Whether the cause of an incident may be the cause of the news as well. together_until: what began before it may
    be of the same moment."""
    known = incident.diagnosis is not None and incident.diagnosis.known
    if not known or not news.opens or news.onset <= together_until:
        return True
    concerned = incident.services
    callers = concerned.union(*(topology.upstream(service) for service in concerned))
    return not news.touched.isdisjoint(callers)
