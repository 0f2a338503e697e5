"""Evidence from traces and the lines written in them: where in the code requests newly go another way."""

from collections.abc import Mapping, Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import CauseKind, Evidence, FaultClass, InnerCause
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import FAILING, Blame, Effect
from akeso.stages.diagnosis.calls.network_latency import network_delays
from akeso.stages.diagnosis.log_errors import complaining
from akeso.stages.diagnosis.paths import Turn, turns_of

_FULL_NATS = 10.0
_PASSED_ON, _COMPLAINING = 0.2, 0.8
_GIVES_UP_MS = 200.0  # no time-out is shorter


class Paths:
    """Requests that leave their usual way in the code of a service speak for it, unless the same requests had left it
    elsewhere before."""

    name = "paths"

    def __init__(self, weight: float = 6.0, follows: float = 0.8) -> None:
        self._weight = weight
        self._follows = follows

    def gather(self, case: Case) -> Sequence[Evidence]:
        found = turns_of(case)
        services = dict.fromkeys(turn.service for turn in found)
        doubts = _doubts(case)
        return [
            self._finding(service, [t for t in found if t.service == service], doubts.get(service, 1.0))
            for service in services
        ]

    def _finding(self, service: str, found: list[Turn], sure: float) -> Evidence:
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
        weight = self._weight * _telling(_strength(turn)) * sure
        said += ", but others that it calls may be why" if sure < 1.0 else ""
        cause = InnerCause(CauseKind.CODE, turn.at, turn.usual)
        return Evidence(self.name, service, said, weight, {FaultClass.ERROR_BURST: 0.25 * weight}, numbers, cause=cause)


def _doubts(case: Case) -> Mapping[str, float]:
    """Services that may go another way because of those that they call, and what their evidence counts then."""
    # Who waits that long on the way to others gives up on them.
    waiting = {gap.caller for gap in network_delays(case) if gap.wide and gap.risen_ms >= _GIVES_UP_MS}
    failing = {name for name, effect in effects(case).items() if _passes_on(effect)}
    return dict.fromkeys(complaining(case), _COMPLAINING) | dict.fromkeys(waiting | failing, _PASSED_ON)


def _passes_on(effect: Effect) -> bool:
    """Whether calls fail by a fault of the other side."""
    return any(call.blame is Blame.CALLEE and call.errors >= FAILING for call in effect.calls)


def _telling(strength: float) -> float:
    """1 at what is clear, and a little more for what is beyond all doubt."""
    return min(1.0, strength / _FULL_NATS) + 0.3 * min(1.0, max(0.0, strength / _FULL_NATS - 1.0) / 2.0)


def _strength(turn: Turn) -> float:
    return turn.nats * turn.share
