"""Evidence from traces and the lines written in them: where in the code requests newly go another way."""

from collections.abc import Sequence

from akeso.domain.case import Case
from akeso.domain.diagnosis import CauseKind, Evidence, FaultClass, InnerCause
from akeso.stages.inheritance import FAILING, Blame, Effect, effects
from akeso.stages.paths import Turn, turns

_FULL_NATS = 10.0
_PASSED_ON = 0.2


class Paths:
    """Requests that leave their usual way in the code of a service speak for it, unless the same requests had left it
    elsewhere before."""

    name = "paths"

    def __init__(self, weight: float = 6.0, follows: float = 0.8) -> None:
        self._weight = weight
        self._follows = follows

    def gather(self, case: Case) -> Sequence[Evidence]:
        found = turns(case.traces, case.onset)
        services = dict.fromkeys(turn.service for turn in found)
        known = effects(case)
        passing = {name for name in services if (effect := known.get(name)) is not None and _passes_on(effect)}
        return [
            self._finding(service, [t for t in found if t.service == service], passes_on=service in passing)
            for service in services
        ]

    def _finding(self, service: str, found: list[Turn], *, passes_on: bool) -> Evidence:
        own = [turn for turn in found if not turn.explained]
        turn = max(own or found, key=_strength)
        (usually, by), (newly, now) = turn.before, turn.during
        said = f"in {service}, {newly} of {now} traces (before: {usually} of {by}) go on from “{turn.at}” to"
        said += f" “{turn.taken}” instead of “{turn.usual}”"
        numbers = {"nats": turn.nats, "share": turn.share, "traces": float(newly)}
        if not own:
            return Evidence(
                self.name, service, f"{said}, after they had left their way elsewhere", -self._follows, {}, numbers
            )
        weight = self._weight * min(1.0, _strength(turn) / _FULL_NATS) * (_PASSED_ON if passes_on else 1.0)
        said += ", as its calls to others fail" if passes_on else ""
        cause = InnerCause(CauseKind.CODE, turn.at, turn.usual)
        return Evidence(self.name, service, said, weight, {FaultClass.ERROR_BURST: 0.25 * weight}, numbers, cause=cause)


def _passes_on(effect: Effect) -> bool:
    """Whether calls that fail for a fault of the other side are what makes requests go another way."""
    return any(call.blame is Blame.CALLEE and call.errors >= FAILING for call in effect.calls)


def _strength(turn: Turn) -> float:
    return turn.nats * turn.share
