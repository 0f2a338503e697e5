"""Evidence from others: alerts that name a service, or even what is wrong with it."""

from collections.abc import Mapping, Sequence

from akeso.domain.detection.anomaly import Alert, AlertStatus
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence
from akeso.stages.correlation.nearness import named_peers
from akeso.stages.diagnosis.alert_meanings import AlertMeaning, shipped_alert_meanings

_PASSED_ON = 0.25


class Alerts:
    """An alert names who hurts, seldom why; one of a well-known rule says what it looks at, and one that carries a
    fault class comes from somebody who knows.

    An alert on errors or latency of a service says little where one that it calls has an alert as well: it may only
    pass on what it suffers. alone: its weight where nothing at all is measured, so that there is nothing else to go by.
    """

    name = "alerts"

    def __init__(self, named: float = 0.8, known: float = 4.0, alone: float = 4.0) -> None:
        self._named = named
        self._alone = alone
        self._known = known

    def gather(self, case: Case) -> Sequence[Evidence]:
        firing = {a.service: a for a in case.alerts if a.status is AlertStatus.FIRING and a.service}
        known = {a.service: a for a in case.alerts if a.fault_class and a.service}
        measured = {k.service for k in case.features.keys if k.metric.startswith("akeso.red")}
        telling = {**firing, **_telling(case), **known}
        return [self._finding(a, self._weight(a, case, measured)) for a in telling.values()]

    def _weight(self, alert: Alert, case: Case, measured: set[str]) -> float:
        # Nobody can look behind an alert on a service that is not measured: it has to be taken at its word.
        if alert.fault_class:
            return self._known
        weight = self._named
        if alert.service not in measured and alert.status is AlertStatus.FIRING:
            weight = self._alone if not case.features.keys else 2.5 * self._named
        meaning = _meaning(alert)
        passed_on = meaning is None or meaning.inherited
        alerted = {a.service for a in case.alerts if a.status is AlertStatus.FIRING} - {alert.service}
        # Whom it calls, the call graph says, or the alert's own words.
        called = case.topology.downstream(alert.service) | named_peers(alert)
        return _PASSED_ON * weight if passed_on and alerted & called else weight

    def _finding(self, alert: Alert, weight: float) -> Evidence:
        meaning = _meaning(alert)
        classes: Mapping[str, float] = meaning.classes if meaning else {}
        return Evidence(
            self.name,
            alert.service,
            f"{alert.source} raised “{alert.title}” on {alert.service}",
            weight,
            {alert.fault_class: self._known} if alert.fault_class else classes,
            {"severity": float(alert.severity)},
        )


def _telling(case: Case) -> dict[str, Alert]:
    """Of each service the alert that says most of the cause: one of a rule that callers do not show as well."""
    found = {}
    for alert in case.alerts:
        meaning = _meaning(alert)
        if alert.status is AlertStatus.FIRING and alert.service and meaning is not None and not meaning.inherited:
            found[alert.service] = alert
    return found


def _meaning(alert: Alert) -> AlertMeaning | None:
    return shipped_alert_meanings().get(dict(alert.labels).get("alertname", ""))
