"""What somebody else runs."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.answers import Answer
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.faults.strengths import delay_ms
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, of_kind, remedies

_PROVIDER = of_kind(ServiceKind.THIRD_PARTY)


def _begun(stage: Stage, service: str, condition: Condition, note: str) -> Begun:
    able = [name for name in stage.callers(service) if _switchable(stage, name, service)]
    return Begun(
        entity=service,
        service=service,
        conditions=stage.turn(condition),
        hurts=frozenset({service}),
        helps=remedies(*(("switch_fallback", name) for name in able)),
        harms=remedies(*(("restart", name) for name in stage.callers(service))),
        note=note,
    )


def _switchable(stage: Stage, caller: str, service: str) -> bool:
    calls = [c for o in stage.estate[caller].operations for c in o.calls]
    return any(c.service == service and c.fallback for c in calls)


def _slow(stage: Stage, mishap: Mishap) -> Begun:
    ms = delay_ms(stage, mishap.target, mishap.strength)
    return _begun(stage, mishap.target, Condition(Knob.DELAY_MS, ms, mishap.target), f"{ms:.0f} ms slower")


def _failing(stage: Stage, mishap: Mishap) -> Begun:
    share = min(0.6 * mishap.strength, 1.0)
    return _begun(stage, mishap.target, Condition(Knob.ERRORS, share, mishap.target), f"{share:.0%} of calls fail")


def _limited(stage: Stage, mishap: Mishap) -> Begun:
    share = min(0.5 * mishap.strength, 1.0)
    condition = Condition(Knob.ERRORS, share, mishap.target, answer=Answer.LIMITED)
    return _begun(stage, mishap.target, condition, f"{share:.0%} of calls are over the limit")


KINDS = (
    Occurrence("third_party_slow", "a provider is slow", _slow, _PROVIDER, FaultClass.SLOW_DEPENDENCY),
    Occurrence("third_party_failing", "a provider fails", _failing, _PROVIDER, FaultClass.ERROR_BURST),
    Occurrence("third_party_limits", "a provider limits the rate", _limited, _PROVIDER, FaultClass.ERROR_BURST),
)
