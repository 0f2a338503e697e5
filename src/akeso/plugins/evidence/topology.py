"""Evidence from the call graph: who suffers from whom."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.signal import Signal
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Blame, CallEffect, Effect
from akeso.stages.diagnosis.calls.per_operation_latency import borne_out
from akeso.stages.diagnosis.symptoms import telling

_OF_SLOWNESS = frozenset({Signal.LATENCY, Signal.EDGE_LATENCY, Signal.SELF_TIME})
_OF_FAILURES = frozenset({Signal.ERRORS, Signal.EDGE_ERRORS})
_ARRIVING = 0.5  # of the harm done is enough
_OTHERWISE = 0.6  # what slowness says when all symptoms are of failures, and the other way round
_UNHEARD = 0.3  # what harm still says that nobody complains of


class Topology:
    """Blames own effects, exonerates inherited ones, and blames callees that cannot speak for themselves."""

    name = "topology"

    def __init__(self, own: float = 3.0, inherited: float = 2.0, unseen: float = 4.0) -> None:
        self._own = own
        self._inherited = inherited
        self._unseen = unseen

    def gather(self, case: Case) -> Sequence[Evidence]:
        found = effects(case)
        harm = _Harm(case, found)
        return [
            *(e for effect in found.values() for e in self._itself(case, effect, harm)),
            *self._mute_callees(case, [c for effect in found.values() for c in effect.calls]),
        ]

    def _itself(self, case: Case, effect: Effect, harm: "_Harm") -> Iterator[Evidence]:
        if effect.down:
            return
        if effect.slow_itself:
            yield self._slow(effect, harm, borne_out(case, effect.service, effect.own_ms))
        if effect.failing_itself:
            yield self._failing(effect, harm)
        if (effect.slow or effect.failing) and not (effect.slow_itself or effect.failing_itself):
            yield from self._innocent(effect)

    def _slow(self, effect: Effect, harm: "_Harm", like: float) -> Evidence:
        sure = min(1.0, (effect.certainty_ms - 2.0) / 6.0) * telling(effect.requests) * like
        weight = self._own * sure * harm.slowness(effect) * _free(effect)
        return Evidence(
            self.name,
            effect.service,
            f"{effect.service} spends {effect.own_ms:.0f} ms more a request that no callee explains"
            f" (usual latency {effect.usual_ms:.0f} ms, {effect.certainty_ms:.0f} spreads){_but(effect)}",
            weight,
            {FaultClass.LATENCY_DEGRADATION: 1.6 * sure},
            {"own_ms": effect.own_ms, "slower_ms": effect.slower_ms, "spreads": effect.certainty_ms},
        )

    def _failing(self, effect: Effect, harm: "_Harm") -> Evidence:
        sure = min(1.0, effect.own_errors / (2.5 * effect.least_errors), effect.own_errors / (3.0 * effect.error_noise))
        weight = self._own * sure * harm.failures(effect) * _free(effect)
        return Evidence(
            self.name,
            effect.service,
            f"{effect.own_errors:.0%} of the requests to {effect.service} newly fail without a failing callee"
            f"{_but(effect)}",
            weight,
            {FaultClass.ERROR_BURST: 1.8 * sure},
            {"own_errors": effect.own_errors, "errors": effect.errors},
        )

    def _innocent(self, effect: Effect) -> Iterator[Evidence]:
        blamed = [c for c in effect.calls if c.blame in {Blame.CALLEE, Blame.UNCLEAR}]
        if not blamed:
            return
        worst = max(blamed, key=lambda c: (c.slower_ms + 1000.0 * c.errors) * c.per_request)
        yield Evidence(
            self.name,
            effect.service,
            f"{effect.service} only passes on what its calls to {worst.callee} cost it"
            f" (+{worst.slower_ms:.0f} ms, +{worst.errors:.0%} errors; {worst.why})",
            -self._inherited * (1.0 if worst.blame is Blame.CALLEE else 0.5),
            numbers={"slower_ms": worst.slower_ms, "errors": worst.errors, "own_ms": effect.own_ms},
        )

    def _mute_callees(self, case: Case, calls: list[CallEffect]) -> Iterator[Evidence]:
        """Findings on callees whose own spans do not tell how they are."""
        down = {name for name, effect in effects(case).items() if effect.down}
        for callee in sorted({c.callee for c in calls if c.blame is not Blame.NOBODY}):
            bad = [c for c in calls if c.callee == callee and c.blame is not Blame.NOBODY]
            blaming = [c for c in bad if c.blame is Blame.CALLEE]
            if blaming and (callee in down or blaming[0].unseen):
                yield self._mute(case, max(blaming, key=_cost), down)
            elif not blaming and all(c.blame is Blame.CALLER for c in bad):
                yield self._acquitted(bad[0])

    def _mute(self, case: Case, call: CallEffect, down: set[str]) -> Evidence:
        gone = call.callee in down
        return Evidence(
            self.name,
            call.callee,
            f"{call.caller} sees its calls to {call.callee} +{call.slower_ms:.0f} ms and +{call.errors:.0%} errors;"
            f" {call.why}",
            0.5 * self._unseen if gone else self._unseen,
            _dependency(case, call) if not gone else {FaultClass.CRASH: 1.0, FaultClass.CRASH_LOOP: 1.0},
            {"slower_ms": call.slower_ms, "errors": call.errors},
        )

    def _acquitted(self, call: CallEffect) -> Evidence:
        return Evidence(
            self.name,
            call.callee,
            f"{call.caller} blames {call.callee} in vain: {call.why}",
            -1.0,
            numbers={"slower_ms": call.slower_ms, "errors": call.errors},
        )


class _Harm:
    """How much of the harm done each second a service does itself, against who does most: weights, 0 to 1.

    Waiting time and failures are passed on along calls, so what all requests together lose is comparable at every
    service, however many calls of one lie behind a request of another. Harm that does not arrive at those who complain
    cannot be what they complain of.
    """

    def __init__(self, case: Case, effects: Mapping[str, Effect]) -> None:
        self._effects = effects
        self._many = max((e.requests for e in effects.values() if e.requests == e.requests), default=1.0)
        complaining = {a.service for a in case.anomalies if a.signal in _OF_SLOWNESS | _OF_FAILURES}
        self._kinds = {a.signal for a in case.anomalies} & (_OF_SLOWNESS | _OF_FAILURES)
        self._complaining = [effects[service] for service in sorted(complaining & effects.keys())]
        self._below = {effect.service: case.topology.downstream(effect.service) for effect in self._complaining}
        self._slowness = self._weights(
            {s: e.own_ms for s, e in effects.items() if e.slow_itself}, _slower, _OF_SLOWNESS
        )
        self._failures = self._weights(
            {s: e.own_errors for s, e in effects.items() if e.failing_itself}, _errors, _OF_FAILURES
        )

    def slowness(self, effect: Effect) -> float:
        return self._slowness[effect.service]

    def failures(self, effect: Effect) -> float:
        return self._failures[effect.service]

    def _weights(
        self, own: Mapping[str, float], suffered: Callable[[Effect], float], of: frozenset[Signal]
    ) -> dict[str, float]:
        done = {service: self._load(self._effects[service]) * amount for service, amount in own.items()}
        arrives = {service: self._arrives(self._effects[service], harm, suffered) for service, harm in done.items()}
        most = max((done[service] * arrives[service] for service in done), default=0.0)
        share = {service: min(1.0, harm / most) if most > 0 else 1.0 for service, harm in done.items()}
        heard = 1.0 if not self._kinds or self._kinds & of else _OTHERWISE
        return {
            s: heard * (0.2 + 0.8 * share[s] * arrives[s]) * (_UNHEARD + (1.0 - _UNHEARD) * arrives[s]) for s in done
        }

    def _arrives(self, effect: Effect, done: float, suffered: Callable[[Effect], float]) -> float:
        if not self._complaining or effect in self._complaining:
            return 1.0
        behind = (e for e in self._complaining if effect.service in self._below[e.service])
        felt = max((self._load(e) * suffered(e) for e in behind), default=0.0)
        return min(1.0, felt / (_ARRIVING * done)) if done > 0 else 1.0

    def _load(self, effect: Effect) -> float:
        return effect.requests if effect.requests == effect.requests else self._many


def _slower(effect: Effect) -> float:
    return effect.slower_ms


def _errors(effect: Effect) -> float:
    return effect.errors


def _free(effect: Effect) -> float:
    """Little of what a service does wrong counts while requests pile up before it because a callee is slow."""
    return 0.2 if effect.congested else 1.0


def _but(effect: Effect) -> str:
    return f", but it waits {effect.waiting_ms:.0f} ms for slow callees" if effect.congested else ""


def _cost(call: CallEffect) -> float:
    return call.slower_ms + 1000.0 * call.errors


def _dependency(case: Case, call: CallEffect) -> dict[str, float]:
    known = 3.5 if case.services[call.callee].external else 2.0
    classes = {FaultClass.SLOW_DEPENDENCY: known}
    if call.errors >= 0.5 and call.slower_ms < 50.0 and known < 3.0:
        classes[FaultClass.CRASH] = 2.5
    return classes
