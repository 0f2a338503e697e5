"""Which services were anomalous when, as decisions said: what feedback on a decision is compared with."""

from collections import deque
from datetime import timedelta

from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.times import duration_ns

_Service = tuple[str, str]


class AnomalyHistory:
    """Intervals in which a symptom of a service stood; kept for `span` after they ended."""

    def __init__(self, span: timedelta = timedelta(hours=1)) -> None:
        self._span = duration_ns(span)
        self._open: dict[SeriesKey, int] = {}
        self._past: dict[_Service, deque[tuple[int, int]]] = {}
        self.newest = 0  # end of the newest slot that was decided, ns
        self.alarms = 0  # symptoms raised so far

    def take(self, decision: Decision) -> None:
        """One slot's decision."""
        self.newest = max(self.newest, decision.end)
        for anomaly in decision.raised:
            if anomaly.signal in SYMPTOMS:
                self._open.setdefault(anomaly.key, decision.end)
                self.alarms += 1
        for key in decision.cleared:
            if (since := self._open.pop(key, None)) is not None:
                past = self._past.setdefault((key.tenant, key.service), deque(maxlen=1000))
                past.append((since, decision.end))
                while past and past[0][1] < decision.end - self._span:
                    past.popleft()

    def stood(self, tenant: str, service: str, start: int, end: int) -> bool:
        """Whether a symptom of the service stood at any time in [start, end], ns."""
        past = self._past.get((tenant, service), ())
        if any(since <= end and until >= start for since, until in past):
            return True
        return any(
            since <= end for key, since in self._open.items() if (key.tenant, key.service) == (tenant, service)
        )  # fmt: skip
