"""Evidence from others: alerts that name a service, or even what is wrong with it."""

from collections.abc import Sequence

from akeso.domain.anomaly import Alert, AlertStatus
from akeso.domain.case import Case
from akeso.domain.diagnosis import Evidence


class Alerts:
    """An alert names who hurts, seldom why; one that carries a fault class comes from somebody who knows."""

    name = "alerts"

    def __init__(self, named: float = 0.8, known: float = 4.0) -> None:
        self._named = named
        self._known = known

    def gather(self, case: Case) -> Sequence[Evidence]:
        firing = {a.service: a for a in case.alerts if a.status is AlertStatus.FIRING and a.service}
        known = {a.service: a for a in case.alerts if a.fault_class and a.service}
        unmeasured = firing.keys() - {k.service for k in case.features.keys if k.metric.startswith("akeso.red")}
        return [self._finding(a, unmeasured=a.service in unmeasured) for a in {**firing, **known}.values()]

    def _finding(self, alert: Alert, *, unmeasured: bool) -> Evidence:
        # Nobody can look behind an alert on a service that is not measured: it has to be taken at its word.
        weight = self._known if alert.fault_class else self._named * (2.5 if unmeasured else 1.0)
        return Evidence(
            self.name,
            alert.service,
            f"{alert.source} raised “{alert.title}” on {alert.service}",
            weight,
            {alert.fault_class: self._known} if alert.fault_class else {},
            {"severity": float(alert.severity)},
        )
