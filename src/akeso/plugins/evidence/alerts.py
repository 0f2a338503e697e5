"""Evidence from others: alerts that name a service, or even what is wrong with it."""

from collections.abc import Sequence

from akeso.domain.detection.anomaly import Alert, AlertStatus
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence


class Alerts:
    """An alert names who hurts, seldom why; one that carries a fault class comes from somebody who knows.

    alone: its weight where nothing at all is measured, so that there is nothing else to go by.
    """

    name = "alerts"

    def __init__(self, named: float = 0.8, known: float = 4.0, alone: float = 4.0) -> None:
        self._named = named
        self._alone = alone
        self._known = known

    def gather(self, case: Case) -> Sequence[Evidence]:
        firing = {a.service: a for a in case.alerts if a.status is AlertStatus.FIRING and a.service}
        known = {a.service: a for a in case.alerts if a.fault_class and a.service}
        unmeasured = firing.keys() - {k.service for k in case.features.keys if k.metric.startswith("akeso.red")}
        return [
            self._finding(a, self._alone if not case.features.keys else 2.5 * self._named)
            if a.service in unmeasured
            else self._finding(a, self._named)
            for a in {**firing, **known}.values()
        ]

    def _finding(self, alert: Alert, named: float) -> Evidence:
        # Nobody can look behind an alert on a service that is not measured: it has to be taken at its word.
        weight = self._known if alert.fault_class else named
        return Evidence(
            self.name,
            alert.service,
            f"{alert.source} raised “{alert.title}” on {alert.service}",
            weight,
            {alert.fault_class: self._known} if alert.fault_class else {},
            {"severity": float(alert.severity)},
        )
