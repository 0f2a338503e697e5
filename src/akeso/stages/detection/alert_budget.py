"""Alert budget: how many false alarms a service may raise a week, and the threshold that follows from it.

An alarm that no rule stands behind is notified while fewer than `budget` alarms of the service's last week that were
not confirmed had as high a score. That is a conformal test (Vovk et al. 2005) on whole alarms instead of slots: if
alarms of a normal service are exchangeable, the k-th of a week is among the `budget` highest with probability
budget/k, however their scores are distributed. Slots cannot be counted like this: they are not independent, and a tail
of one in a million has to be believed rather than seen.

That chooses which alarms are notified. How many is bounded by a token bucket that all services of a tenant fill evenly
with their budgets, so that a first day does not spend a week's (see alert_tokens.py).

Never withheld: what a rule says (a limit or objective that somebody stated, a silence), a critical score, and what is
sustained. The latter two cost a token, and so the bucket can be overdrawn; so does what is correlated in time with an
alarm that is notified for the first time, as it belongs to the same incident. A bucket that is overdrawn by as much as
it holds pays for neither sustained nor correlated alarms.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from akeso.domain.detection.alarm import Alarm, Truth
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.estate.service import Services
from akeso.domain.messages import Decision, Feedback
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.stages.detection.alert_tokens import AlertTokenBucket

_Service = tuple[str, str]
_SUSTAINED = 3  # values


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """How many false alarms are acceptable, and what is notified beyond that number.

    per_week: false alarms that are acceptable per service and week, unless services.yaml says otherwise (0: only what
        is never withheld).
    enforced: whether alarms beyond the budget are withheld, or only counted.
    critical_score: an alarm with this score or a higher one is never withheld.
    merge_window: alarms of one service that are closer together than this are one.
    period: the time that a budget of `per_week` is for.
    grace: how much later than the instant that a label speaks of an alarm may be and still count as the same.
    initial_tokens: alarms of all services together that may be notified before any budget has filled in.
    burst_window: the time whose unspent budget may be saved up at most.
    correlation_window: what begins this close to a notified alarm is notified with it; what shows this soon after a
        healing is counted as its echo.
    sustained_after: an alarm that stands for this long, and for three values of its series, is never withheld.
    """

    per_week: float = 2.0
    enforced: bool = True
    critical_score: float = 3.0
    merge_window: timedelta = timedelta(minutes=5)
    period: timedelta = timedelta(days=7)
    grace: timedelta = timedelta(seconds=5)
    initial_tokens: float = 1.0
    burst_window: timedelta = timedelta(days=1)
    correlation_window: timedelta = timedelta(seconds=10)
    sustained_after: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one service stands. budget: false alarms a week; notified, withheld: alarms of the period; true, false,
    unknown: of those that were notified; spent: those not confirmed; threshold: the score that a new alarm must exceed
    now."""

    service: str
    budget: float
    spent: int
    notified: int
    withheld: int
    true: int
    false: int
    unknown: int
    threshold: float
    alarms: tuple[Alarm, ...] = ()


class AlertBudget:
    """The alarms of the last period and what may still be notified. alarms: what was kept of an earlier run; stated:
    detectors whose alarms are never withheld (see akeso.stages.detection.votes)."""

    def __init__(
        self,
        services: Services | None = None,
        options: BudgetOptions | None = None,
        alarms: Iterable[Alarm] = (),
        stated: Collection[str] = (),
    ) -> None:
        self.options = options or BudgetOptions()
        self.stated = frozenset(stated)
        self._services = services or Services()
        self._alarms: dict[_Service, list[Alarm]] = {}
        self._withheld: dict[SeriesKey, Anomaly] = {}
        self._notified_at: dict[str, int] = {}
        self._healed_at: dict[_Service, int] = {}
        self._heard: Collection[_Service] = ()
        self._now = self._began = 0
        for alarm in alarms:
            self._alarms.setdefault((alarm.tenant, alarm.service), []).append(alarm)
            self._now = max(self._now, alarm.until)
            self._began = min(self._began or alarm.at, alarm.at)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """All that count, by service, oldest first."""
        return tuple(alarm for found in self._alarms.values() for alarm in found)

    def admit(self, decision: Decision, heard: Collection[_Service] = ()) -> Decision:
        """The decision without what is withheld, and with what was withheld and is no longer. heard: all services
        (tenant, service) whose budgets fill the token bucket."""
        self._now, self._heard = max(self._now, decision.end), heard
        self._began = self._began or decision.end
        for key in decision.cleared:
            self._withheld.pop(key, None)
        if not decision.raised and not self._withheld:
            return decision
        passed = [anomaly for anomaly in decision.raised if anomaly.signal not in SYMPTOMS]
        symptoms: dict[_Service, list[Anomaly]] = {}
        for anomaly in decision.raised:
            if anomaly.signal in SYMPTOMS:
                symptoms.setdefault((anomaly.tenant, anomaly.service), []).append(anomaly)
        # What leads is notified first, so that the others are correlated with it.
        for service in sorted(symptoms, key=lambda s: (not self._is_hard(symptoms[s]), -_loudest(symptoms[s]).score)):
            raised, tenant = symptoms[service], service[0]
            hard = self._is_hard(raised)
            fresh = hard or not self._stands(service, decision.end)
            leads = fresh and not self._correlated(tenant, decision.end) and self._may_overdraw(tenant)
            if hard or self._declared(service, raised, decision.end):
                if leads:
                    self._notified_at[tenant] = decision.end
                passed += [*self._released(service), *raised]
            else:
                self._withheld |= {anomaly.key: anomaly for anomaly in raised}
        return replace(decision, raised=(*passed, *self._overdue(decision.end)))

    def judged(self, label: Feedback) -> bool:
        """Take a label in; whether an alarm met it."""
        at, grace = epoch_ns(label.at), duration_ns(self.options.grace)
        truth = Truth.TRUE if label.anomalous else Truth.FALSE
        return self._mark((label.tenant, label.service), at, at + grace, truth)

    def confirmed(self, service: _Service, start: int, end: int) -> bool:
        """What was wrong with a service between two instants (ns) was real and is healed; whether an alarm spoke of
        it. What the service shows right after it is its echo, and no other alarm."""
        self._healed_at[service] = end
        return self._mark(service, start, end, Truth.TRUE)

    def budget(self, service: str) -> float:
        """False alarms a week that are acceptable."""
        stated = self._services[service].alert_budget
        return self.options.per_week if stated is None else stated

    def standings(self, tenant: str) -> tuple[Standing, ...]:
        """How every service of a tenant stands that had an alarm or has a budget of its own, by name."""
        stated = {name for name, spec in self._services.specs.items() if spec.alert_budget is not None}
        seen = {service for owner, service in self._alarms if owner == tenant}
        return tuple(self._standing((tenant, service)) for service in sorted(stated | seen))

    def _standing(self, service: _Service) -> Standing:
        alarms = tuple(a for a in self._alarms.get(service, ()) if a.until > self._now - self._period(service))
        notified = [alarm for alarm in alarms if alarm.notified]
        count = {truth: sum(alarm.truth is truth for alarm in notified) for truth in Truth}
        return Standing(
            service=service[1],
            budget=self.budget(service[1]),
            spent=len(notified) - count[Truth.TRUE],
            notified=len(notified),
            withheld=len(alarms) - len(notified),
            true=count[Truth.TRUE],
            false=count[Truth.FALSE],
            unknown=count[Truth.UNKNOWN],
            threshold=self._threshold(service, alarms),
            alarms=alarms,
        )

    def _is_hard(self, raised: Sequence[Anomaly]) -> bool:
        return any(a.signal is Signal.SILENCE or not self.stated.isdisjoint(a.detectors) for a in raised)

    def _declared(self, service: _Service, raised: Sequence[Anomaly], end: int) -> bool:
        # Counts the alarm; whether it is passed on.
        alarms = self._alarms.setdefault(service, [])
        oldest = end - max(self._period(service), duration_ns(self.options.period))
        alarms[:] = [alarm for alarm in alarms if alarm.until > oldest]
        going_on = alarms.pop() if alarms and self._goes_on(alarms[-1], end) else None
        alarm = _alarm(service, raised, end, going_on)
        notified = alarm.notified or not self.options.enforced or self._correlated(service[0], end)
        notified = notified or alarm.score > self._threshold(service, alarms)
        truth = Truth.TRUE if self._echoes(service, end) else alarm.truth
        alarms.append(replace(alarm, notified=notified, truth=truth))
        return notified

    def _stands(self, service: _Service, end: int) -> bool:
        # Whether what is raised now goes on from an alarm that was notified already: it was correlated then.
        alarms = self._alarms.get(service, [])
        return bool(alarms) and alarms[-1].notified and self._goes_on(alarms[-1], end)

    def _echoes(self, service: _Service, instant: int) -> bool:
        healed = self._healed_at.get(service)
        return healed is not None and instant - healed <= duration_ns(self.options.correlation_window)

    def _correlated(self, tenant: str, instant: int) -> bool:
        notified = self._notified_at.get(tenant)
        return notified is not None and abs(notified - instant) <= duration_ns(self.options.correlation_window)

    def _goes_on(self, alarm: Alarm, end: int) -> bool:
        # What was real and is over has no part in what comes next.
        return alarm.truth is not Truth.TRUE and end - alarm.until <= duration_ns(self.options.merge_window)

    def _threshold(self, service: _Service, alarms: Sequence[Alarm]) -> float:
        since = self._now - self._period(service)
        loud = sorted((a.score for a in alarms if a.truth is not Truth.TRUE and a.until > since), reverse=True)
        budget = self.budget(service[1])
        places = max(int(budget), 1) if budget > 0 else 0
        most = float(np.nextafter(self.options.critical_score, 0.0))
        if places == 0 or self._left(service[0]) < 1.0:
            return most
        return 0.0 if len(loud) < places else min(float(np.nextafter(loud[places - 1], 0.0)), most)

    def _left(self, tenant: str) -> float:
        # What is left in the token bucket of a tenant.
        alarms = (a for (owner, _), found in self._alarms.items() if owner == tenant for a in found)
        return self._tokens(tenant).left(alarms, self._now)

    def _may_overdraw(self, tenant: str) -> bool:
        # What is neither critical nor stated by a rule may overdraw a bucket by no more than it holds.
        return self._left(tenant) > -self._tokens(tenant).most

    def _tokens(self, tenant: str) -> AlertTokenBucket:
        services = {*self._heard, *self._alarms}
        a_period = sum(self.budget(service) for owner, service in services if owner == tenant)
        rate = a_period / duration_ns(self.options.period)
        initial = self.options.initial_tokens if a_period else 0.0
        most = max(rate * duration_ns(self.options.burst_window), initial)
        return AlertTokenBucket(rate, most, initial, self._began)

    def _period(self, service: _Service) -> int:
        # Less than one a week is one in a longer time.
        budget = self.budget(service[1])
        return (
            round(duration_ns(self.options.period) / min(budget, 1.0))
            if budget > 0
            else duration_ns(self.options.period)
        )

    def _released(self, service: _Service) -> list[Anomaly]:
        keys = [key for key in self._withheld if (key.tenant, key.service) == service]
        return [self._withheld.pop(key) for key in keys]

    def _overdue(self, end: int) -> list[Anomaly]:
        # What was withheld and is sustained, or correlated with what is notified, with all else of its service.
        since = {key: epoch_ns(anomaly.detected_at) for key, anomaly in self._withheld.items()}
        due = {
            (key.tenant, key.service)
            for key, at in since.items()
            if self._correlated(key.tenant, at)
            or (end - at >= self._lasting(self._withheld[key]) and self._may_overdraw(key.tenant))
        }
        for service in due:
            if alarms := self._alarms.get(service):
                alarms[-1] = replace(alarms[-1], notified=True)
        return [anomaly for service in sorted(due) for anomaly in self._released(service)]

    def _lasting(self, anomaly: Anomaly) -> int:
        # One that is told every five minutes has stood for five minutes before anybody could see it end.
        return max(duration_ns(self.options.sustained_after), _SUSTAINED * duration_ns(anomaly.every))

    def _mark(self, service: _Service, start: int, end: int, truth: Truth) -> bool:
        # What was real may be said of a moment shortly after an alarm, while it still stood; that all is well later on
        # does not make an earlier alarm false.
        alarms = self._alarms.get(service, [])
        later = duration_ns(self.options.merge_window if truth is Truth.TRUE else self.options.grace)
        met = [n for n, alarm in enumerate(alarms) if alarm.at <= end and alarm.until + later >= start]
        for n in met:
            alarms[n] = replace(alarms[n], truth=truth)
        return bool(met)


def _loudest(raised: Sequence[Anomaly]) -> Anomaly:
    return max(raised, key=lambda anomaly: anomaly.score)


def _alarm(service: _Service, raised: Sequence[Anomaly], end: int, before: Alarm | None) -> Alarm:
    loudest = _loudest(raised)
    likely = min((a.p_value for a in raised if a.p_value == a.p_value), default=1.0)
    fresh = Alarm(*service, end, end, loudest.score, likely, loudest.signal.name.lower(), notified=False)
    if before is None:
        return fresh
    louder = fresh if fresh.score > before.score else before
    return replace(
        before, until=end, score=louder.score, signal=louder.signal, p_value=min(likely, before.p_value)
    )  # fmt: skip
