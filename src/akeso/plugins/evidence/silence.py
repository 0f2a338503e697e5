"""Evidence from silence: a service that says nothing any more, and of which somebody says so, has probably ended."""

from collections.abc import Iterator, Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.signal import LOG_RATE
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Blame, Effect
from akeso.stages.diagnosis.symptoms import read


class Silence:
    """Speaks for services that went silent, and for those that send nothing but (dying) log lines."""

    name = "silence"

    def __init__(self, weight: float = 3.0) -> None:
        self._weight = weight

    def gather(self, case: Case) -> Sequence[Evidence]:
        found = effects(case).values()
        down = [e for effect in found if effect.down and _quiet(case, effect) for e in self._finding(case, effect)]
        return [*down, *(self._without_witness(effect) for effect in found if effect.silent_s and not effect.down)]

    def _finding(self, case: Case, effect: Effect) -> Iterator[Evidence]:
        answered = [c for e in effects(case).values() for c in e.calls if c.callee == effect.service]
        if answered and all(c.blame is Blame.NOBODY for c in answered):
            yield self._only_unheard(effect)
            return
        logs = read(case).find(effect.service, LOG_RATE)
        talking = effect.silent_s == 0.0 and logs is not None and logs.level > 0
        yield Evidence(
            self.name,
            effect.service,
            _statement(effect, talking=talking),
            self._weight,
            {FaultClass.CRASH: 3.0, FaultClass.CRASH_LOOP: 3.5 if talking else 1.5},
            {"silent_s": effect.silent_s},
        )

    def _without_witness(self, effect: Effect) -> Evidence:
        return Evidence(
            self.name,
            effect.service,
            f"{effect.service} is not heard of for {effect.silent_s:.0f} s, and nobody says that it is down",
            -0.5,
            numbers={"silent_s": effect.silent_s},
        )

    def _only_unheard(self, effect: Effect) -> Evidence:
        return Evidence(
            self.name,
            effect.service,
            f"{effect.service} is not heard of, but those who call it get their answers: only its telemetry is missing",
            -0.5,
            numbers={"silent_s": effect.silent_s},
        )


def _quiet(case: Case, effect: Effect) -> bool:
    # What a probe finds down may go on sending.
    return effect.silent_s > 0 or read(case).quiet_slots(effect.service) > 0


def _statement(effect: Effect, *, talking: bool) -> str:
    if talking:
        return f"{effect.service} sends log lines but none of its usual measurements: it starts and does not stay up"
    if effect.silent_s:
        return f"nothing was heard of {effect.service} for {effect.silent_s:.1f} s"
    return f"{effect.service} stopped sending its usual measurements"
