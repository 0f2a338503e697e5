"""What a service does wrong itself, and what it merely passes on: own against inherited effect along calls.

A caller waits for its callees and fails with them, so slowness and errors travel against the direction of synchronous
calls. What a service's requests lost in itself (self time) is its own; what it lost in a call belongs to the callee if
the callee is found slow, failing, down or unseen, and to the caller if the callee is seen alive and well: seen to
have had the calls that failed, not others before them.
"""

from collections.abc import Iterator, Mapping
from math import sqrt

import numpy as np

from akeso.domain.estate.changes import standing
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry.batches import NANOSECONDS, Change, Mask
from akeso.domain.telemetry.severity import ERROR
from akeso.domain.telemetry.signal import RED_RATE, RED_SELF, Signal
from akeso.stages.correlation.witnesses import Testimony, is_of_a_scrape, witnessed
from akeso.stages.diagnosis.calls.arrivals import Arrival, arrival
from akeso.stages.diagnosis.calls.call_effects import FAILING, SLOWER_MS, Blame, CallEffect, Effect, noticeable
from akeso.stages.diagnosis.case_cache import cached_per_case
from akeso.stages.diagnosis.service_signs import (
    locked,
    pool_exhausted,
    server_errors,
    server_latency,
    starved,
    throughput,
)
from akeso.stages.diagnosis.symptoms import Call, SeriesDeviation, Symptoms, read, significance

_TRAVELS = 0.35  # share of an edge's rise that the callee must show itself
_GIVES_UP_MS = 200.0  # no time-out is shorter
_FEW = 5.0
_MOST_CALLS = 5.0
_GONE_SLOTS = 3
_REFUSED = 0.25
_SUSPECT = frozenset({"deploy", "config", "flag"})
_REPORTED_LATE_S = 8.0
_MOST_SPREAD = 0.1  # a past full of incidents spreads so widely that no failure would be news
_FRESH_S = 20.0
_ALL = 0.95
_LATELY_S = 12.0


@cached_per_case
def effects(case: Case) -> Mapping[str, Effect]:
    """The effect on every service of the case (computed once a case)."""
    symptoms = read(case)
    judge = _Judge(case, symptoms)
    return {service: judge.effect(service) for service in sorted(symptoms.services)}


class _Judge:
    def __init__(self, case: Case, symptoms: Symptoms) -> None:
        self._topology = case.topology
        self._symptoms = symptoms
        self._spoken_of = _spoken_of(case, symptoms)
        self._arrivals: dict[str, Arrival] = {}
        self._changed = frozenset(c.service for c in standing(case.changes) if _just_before(c, case))

    def effect(self, service: str) -> Effect:
        latency, errors = server_latency(self._symptoms, service), server_errors(self._symptoms, service)
        calls = tuple(self._calls(service))
        slower, failed = max(0.0, _rise(latency)), max(0.0, _rise(errors))
        own, certainty = self._own_ms(service, latency, calls)
        silent = self._symptoms.silent_for(service)
        return Effect(
            service=service,
            slower_ms=slower,
            own_ms=own,
            certainty_ms=certainty,
            usual_ms=latency.past if latency is not None and np.isfinite(latency.past) else 0.0,
            errors=failed,
            own_errors=max(0.0, failed - sum(_failed_through(c) for c in calls)),
            error_noise=max(self._chance(service, failed), _spread(errors)),
            requests=self._requests(service) if self._counted(service) else float("nan"),
            silent_s=silent,
            down=self._down(service),
            idle=self._idle(service),
            unreached=self._reached(service) is Arrival.LOST,
            calls=calls,
        )

    def _own_ms(
        self, service: str, latency: SeriesDeviation | None, calls: tuple[CallEffect, ...]
    ) -> tuple[float, float]:
        itself = self._symptoms.find(service, RED_SELF)
        if itself is not None and np.isfinite(itself.level) and np.isfinite(itself.past):
            # A call costs a request no more than the request lost.
            in_calls = min(sum(_kept(c) for c in calls), max(0.0, latency.rise) if latency is not None else np.inf)
            own = max(0.0, itself.rise) + in_calls
            spread = min(itself.spread, latency.spread) if in_calls > itself.rise and latency else itself.spread
        elif latency is not None:
            own = max(0.0, latency.rise - sum(_passed_on(c, c.slower_ms) for c in calls))
            spread = latency.spread
        else:
            return 0.0, 0.0
        return own, own / spread if np.isfinite(spread) and spread > 0 else 0.0

    def _calls(self, caller: str) -> Iterator[CallEffect]:
        for callee in sorted({e.callee for e in self._topology.callees(caller) if not e.asynchronous} - {caller}):
            call = self._symptoms.call(caller, callee)
            if call.latency is None and call.errors is None:
                yield from self._unmeasured(caller, callee)
                continue
            blame, why = self._judge(caller, callee, call)
            yield CallEffect(
                caller=caller,
                callee=callee,
                slower_ms=max(0.0, _rise(call.latency)),
                errors=max(0.0, _rise(call.errors)),
                per_request=self._per_request(caller, call),
                blame=blame,
                unseen=not self._tells_of(callee),
                why=why,
            )

    def _unmeasured(self, caller: str, callee: str) -> Iterator[CallEffect]:
        """A call that the caller does not measure costs it what the callee says of itself."""
        served, received = self._requests(caller), self._requests(callee)
        if not served or not received:
            return
        latency, errors = server_latency(self._symptoms, callee), server_errors(self._symptoms, callee)
        slow = latency is not None and latency.up and noticeable(latency.rise, latency.past)
        failing = _rise(errors) >= FAILING * significance(received)
        yield CallEffect(
            caller=caller,
            callee=callee,
            slower_ms=max(0.0, _rise(latency)) if slow else 0.0,
            errors=_rise(errors) if failing else 0.0,
            per_request=min(_MOST_CALLS, received / served),
            blame=Blame.CALLEE if slow or failing else Blame.NOBODY,
            unseen=False,
            why=f"{callee} says so itself",
        )

    def _judge(self, caller: str, callee: str, call: Call) -> tuple[Blame, str]:
        if not _bad(call):
            return Blame.NOBODY, ""
        if self._down(callee):
            return Blame.CALLEE, f"{callee} is down"
        if self._seen(callee):
            return self._judge_seen(caller, callee, call)
        return self._judge_unseen(caller, callee, call)

    def _judge_seen(self, caller: str, callee: str, call: Call) -> tuple[Blame, str]:
        latency = max(0.0, _rise(server_latency(self._symptoms, callee)))
        errors = max(0.0, _rise(server_errors(self._symptoms, callee)))
        failed = _rise(call.errors)
        # A caller that gives up waiting sees an error where the callee only sees a slow request.
        if (_slow(call) or latency >= _GIVES_UP_MS) and latency >= max(SLOWER_MS, _TRAVELS * _rise(call.latency)):
            return Blame.CALLEE, f"{callee} itself answers {latency:.0f} ms later"
        if failed >= FAILING and errors >= max(0.5 * FAILING, _TRAVELS * failed):
            return Blame.CALLEE, f"{callee} itself fails {errors:.0%} more"
        if self._hangs(callee, call):
            return Blame.CALLEE, f"{callee} finishes no request any more"
        if failed >= FAILING and (reached := self._reached(callee)) is not Arrival.ARRIVED:
            return self._judge_unreached(caller, callee, call, reached)
        if self._symptoms.quiet_slots(callee):
            return Blame.UNCLEAR, f"{callee} gave no sign of life in the newest second"
        return Blame.CALLER, f"{callee} itself is well"

    def _judge_unreached(self, caller: str, callee: str, call: Call, reached: Arrival) -> tuple[Blame, str]:
        """Calls failed of which a callee that else tells of its requests says nothing."""
        if reached is Arrival.NOT_TOLD:
            return Blame.UNCLEAR, f"{callee} has not told yet whether they arrived"
        blame, why = self._judge_unseen(caller, callee, call)
        if blame is not Blame.CALLEE or any(self._other_callers(caller, callee).values()):
            return blame, why
        if self._symptoms.shows_life(callee):
            return Blame.UNCLEAR, f"they did not arrive at {callee}, which goes on telling of itself"
        return Blame.CALLEE, f"they did not arrive at {callee}"

    def _judge_unseen(self, caller: str, callee: str, call: Call) -> tuple[Blame, str]:
        if locked(self._symptoms, callee) is not None:
            return Blame.CALLEE, f"{callee} reports waiting for locks"
        if pool_exhausted(self._symptoms, caller) is not None:
            return Blame.CALLER, f"{caller} waits for a connection of its own pool"
        if starved(self._symptoms, caller) is not None:
            return Blame.CALLER, f"{caller} has no processor time left"
        if caller in self._changed and not _slow(call):
            # A wrong address or an absurd time-out fails fast; a callee in trouble mostly answers late first.
            return Blame.CALLER, f"{caller} was changed just before and its calls fail at once"
        others = self._other_callers(caller, callee)
        if any(others.values()):
            return Blame.CALLEE, f"other callers of {callee} see it too"
        if others:
            return Blame.UNCLEAR, f"other callers of {callee} see nothing"
        return Blame.CALLEE, f"{callee} tells nothing of itself and nobody else calls it"

    def _other_callers(self, caller: str, callee: str) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for edge in self._topology.callers(callee):
            call = self._symptoms.call(edge.caller, callee)
            measured = call.latency is not None and np.isfinite(call.latency.level) and np.isfinite(call.latency.past)
            if measured and not edge.asynchronous and edge.caller not in {caller, callee}:
                found[edge.caller] = _bad(call)
        return found

    def _down(self, service: str) -> bool:
        if self._found_down(service):
            return True
        quiet = self._symptoms.quiet_slots(service)
        if self._symptoms.silent_for(service) > 0 or quiet >= _GONE_SLOTS:
            return self._witnessed(service)
        return quiet >= _GONE_SLOTS - 1 and self._refused(service)

    def _found_down(self, service: str) -> bool:
        """Whether a probe newly finds all of the service down, and it answers nobody."""
        # What a scrape does not reach may well be up: the way there may be broken, or its exporter.
        probes = [d for d in self._symptoms.signal(service, Signal.DOWN) if not is_of_a_scrape(d.key)]
        found = any(d.rise >= _ALL and self._symptoms.lately(d) >= _ALL for d in probes)
        return found and not self._answers(service)

    def _answers(self, service: str) -> bool:
        """Whether it, or somebody who calls it, tells of calls that it answered in the newest seconds."""
        served = self._symptoms.find(service, RED_RATE)
        if served is not None and self._newest_sum(served) > 0:
            return True
        calls = [self._symptoms.call(edge.caller, service) for edge in self._topology.callers(service)]
        return any(call.rate is not None and self._newest_sum(call.rate) > 0 and not _bad(call) for call in calls)

    def _newest_sum(self, rate: SeriesDeviation) -> float:
        # Spans come in batches, so that the newest slots may hold none yet.
        slots = max(1, round(_LATELY_S / self._symptoms.slot_s))
        return float(np.nansum(self._symptoms.values(rate)[self._symptoms.during][-slots:]))

    def _witnessed(self, service: str) -> bool:
        """Whether anybody but the silence says that the service is down (see akeso.stages.correlation.witnesses)."""
        return service in self._spoken_of or self._refused(service) or self._kept_waiting(service)

    def _kept_waiting(self, service: str) -> bool:
        """Whether somebody's calls to the service hardly come back any more."""
        calls = (self._symptoms.call(edge.caller, service) for edge in self._topology.callers(service))
        return any(call.latency is not None and call.latency.up and call.latency.rise >= _GIVES_UP_MS for call in calls)

    def _refused(self, service: str) -> bool:
        """Whether somebody's calls to the service fail in numbers."""
        calls = (self._symptoms.call(edge.caller, service) for edge in self._topology.callers(service))
        return any(_rise(call.errors) >= _REFUSED for call in calls)

    def _hangs(self, callee: str, call: Call) -> bool:
        """Calls still go out and wait long, and none comes back finished."""
        served, made = self._symptoms.find(callee, RED_RATE), call.rate
        if served is None or made is None or not self._idle(callee):
            return False
        return made.level > 0.3 * made.past and _rise(call.latency) >= _GIVES_UP_MS

    def _reached(self, callee: str) -> Arrival:
        if callee not in self._arrivals:
            self._arrivals[callee] = arrival(self._symptoms, self._topology, callee)
        return self._arrivals[callee]

    def _tells_of(self, callee: str) -> bool:
        """Whether a service tells of the calls that were made to it."""
        return self._seen(callee) and self._reached(callee) is not Arrival.LOST

    def _seen(self, service: str) -> bool:
        rate = self._symptoms.find(service, RED_RATE)
        return rate is not None and bool(np.nansum(self._symptoms.values(rate)) > 0)

    def _idle(self, service: str) -> bool:
        served = self._symptoms.find(service, RED_RATE)
        if served is None:
            return False
        if served.past > 0:
            return served.level <= 0.2 * served.past
        past, now = throughput(self._symptoms, service)
        return now < 0.2 * past

    def _chance(self, service: str, share: float) -> float:
        """The standard deviation of a share of the requests of a service."""
        return sqrt(share * (1.0 - min(1.0, share)) / max(1.0, self._requests(service)))

    def _counted(self, service: str) -> bool:
        return self._symptoms.find(service, RED_RATE) is not None

    def _requests(self, service: str) -> float:
        """Requests that the service answered during the fault."""
        return self._total(self._symptoms.find(service, RED_RATE))

    def _total(self, rate: SeriesDeviation | None) -> float:
        if rate is None:
            return 0.0
        return self._symptoms.slot_s * float(np.nansum(self._symptoms.values(rate)[self._symptoms.during]))

    def _per_request(self, caller: str, call: Call) -> float:
        """Calls per request as they were made during the fault, or before when there are too few."""
        served = self._symptoms.find(caller, RED_RATE)
        if served is None or call.rate is None:
            return 1.0
        requests = self._total(served)
        if requests >= _FEW:
            return min(5.0, self._total(call.rate) / requests)
        return min(5.0, call.rate.past / served.past) if served.past > 0 and call.rate.past > 0 else 1.0


def _spoken_of(case: Case, symptoms: Symptoms) -> frozenset[str]:
    """The services that a person, an alert, a probe, a caller or their own last words say to be in trouble."""
    reported = {case.report.service} if case.report else set()
    last_words = {pattern.service for pattern in case.logs if _new_failure(pattern, symptoms.during)}
    said = Testimony(case.anomalies, case.alerts, case.topology, dying=last_words)
    return witnessed(said) | reported


def _new_failure(pattern: LogPattern, during: Mask) -> bool:
    if pattern.severity < ERROR or len(pattern.counts) != len(during):
        return False
    return float(np.nansum(pattern.counts[during])) > 0 and not float(np.nansum(pattern.counts[~during]))


def _just_before(change: Change, case: Case) -> bool:
    before = case.onset / NANOSECONDS - change.at.timestamp()
    return change.kind in _SUSPECT and -_REPORTED_LATE_S <= before <= _FRESH_S


def _rise(deviation: SeriesDeviation | None) -> float:
    return 0.0 if deviation is None else deviation.rise


def _spread(deviation: SeriesDeviation | None) -> float:
    return min(deviation.spread, _MOST_SPREAD) if deviation is not None and np.isfinite(deviation.spread) else 0.0


def _bad(call: Call) -> bool:
    return _slow(call) or _rise(call.errors) >= FAILING


def _slow(call: Call) -> bool:
    latency = call.latency
    return latency is not None and latency.up and noticeable(latency.rise, latency.past)


def _passed_on(call: CallEffect, amount: float) -> float:
    share = {Blame.CALLEE: 1.0, Blame.UNCLEAR: 0.5}.get(call.blame, 0.0)
    return share * amount * call.per_request


def _failed_through(call: CallEffect) -> float:
    """What share of requests failed with a call; one whose callee may be dead is no failure of the caller yet."""
    return call.errors * call.per_request if call.blame in {Blame.CALLEE, Blame.UNCLEAR} else 0.0


def _kept(call: CallEffect) -> float:
    """Milliseconds a request that a call costs and its callee does not explain."""
    share = {Blame.CALLER: 1.0, Blame.UNCLEAR: 0.5}.get(call.blame, 0.0)
    return share * call.slower_ms * call.per_request
