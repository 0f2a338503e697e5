"""How much a channel is told: what belongs together in one message, and no more messages than people can read."""

from collections import deque
from datetime import datetime

from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice
from akeso.stages.notification.rules import Limits

Group = tuple[str, str]


def group_of(services: Services, incident: Incident) -> Group:
    """Tenant, and the team whose incident it is; the service, where nobody owns it."""
    return incident.tenant, services[incident.service].owner or incident.service


class Pacing:
    """What one channel was told lately. Nothing of it outlives the process: after a restart the first may be told."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last: dict[tuple[Group, Notice], datetime] = {}
        self._usual: deque[datetime] = deque()
        self._urgent: deque[datetime] = deque()

    def admits(self, group: Group, notice: Notice, severity: Severity, at: datetime) -> bool:
        """Whether a message may be sent now; then it counts as sent."""
        self._forget(at)
        last = self._last.get((group, notice))
        if last is not None and at - last < self._limits.together:
            return False
        # Another team's page does not wait behind the flood of this one.
        new = severity >= Severity.CRITICAL and all(known != group for known, _ in self._last)
        sent = self._urgent if new and len(self._usual) >= self._limits.most else self._usual
        if len(sent) >= self._limits.most:
            return False
        sent.append(at)
        self._last[group, notice] = at
        return True

    def _forget(self, at: datetime) -> None:
        for sent in (self._usual, self._urgent):
            while sent and at - sent[0] >= self._limits.within:
                sent.popleft()
        kept = max(self._limits.together, self._limits.within)
        self._last = {key: when for key, when in self._last.items() if at - when < kept}
