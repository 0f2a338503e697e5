"""Databases, queues, stand-ins, a team's own automation."""

from collections.abc import Mapping

from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.worlds.effects.effect import Effect, Parameters
from akeso.worlds.stage import Stage


def _end_session(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    blocker = stage.sim.blockers.pop(target, None)
    if blocker is None:
        return Failed(f"no session of {target} blocks others")
    stage.clear(blocker.conditions)
    return Done(f"ended session {blocker.pid} of {blocker.application}")


def _blocker(stage: Stage, target: str) -> Mapping[str, str]:
    blocker = stage.sim.blockers.get(target)
    if blocker is None:
        return {}
    open_s = stage.sim.life.now_s - blocker.since_s
    return {
        "pid": str(blocker.pid),
        "application_name": blocker.application,
        "query": blocker.query,
        "open_s": f"{open_s:.0f}",
    }


def _purge(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    queues, rows = stage.sim.queues, stage.sim.queues.rows(target)
    gone = float(queues.depth[rows].sum())
    if gone < 1:
        return Failed(f"nothing waits in the queue of {target}")
    queues.depth[rows] = 0.0
    return Done(f"deleted {gone:.0f} messages", {"deleted": gone})


def _drain(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    queues, rows = stage.sim.queues, stage.sim.queues.rows(target)
    moved = float(queues.depth[rows].sum())
    if moved < 1:
        return Failed(f"nothing waits in the queue of {target}")
    queues.parked[rows] += queues.depth[rows]
    queues.depth[rows] = 0.0
    return Done(f"set {moved:.0f} messages aside", {"parked": moved})


def _undrain(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    queues, rows = stage.sim.queues, stage.sim.queues.rows(target)
    moved = float(queues.parked[rows].sum())
    queues.depth[rows] += queues.parked[rows]
    queues.parked[rows] = 0.0
    return Done(f"appended {moved:.0f} messages again", {"unparked": moved})


def _redrive(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    queues, rows = stage.sim.queues, stage.sim.queues.rows(target)
    if not rows:
        return Failed(f"{target} has no queue")
    moved = float(queues.stuck[rows].sum())
    queues.depth[rows] += queues.stuck[rows]
    queues.stuck[rows] = 0.0
    return Done(f"redrove {moved:.0f} messages", {"redriven": moved})


def _waiting(stage: Stage, target: str) -> Mapping[str, str]:
    queues, rows = stage.sim.queues, stage.sim.queues.rows(target)
    return {
        "waiting": f"{queues.depth[rows].sum():.0f}",
        "stuck": f"{queues.stuck[rows].sum():.0f}",
        "parked": f"{queues.parked[rows].sum():.0f}",
    }


def _fallback_on(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    if not any(call.fallback for operation in stage.estate[target].operations for call in operation.calls):
        return Failed(f"{target} has no fallback")
    stage.sim.state.fallback.add(target)
    return Done(f"the fallback of {target} is on")


def _fallback_off(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    del parameters
    stage.sim.state.fallback.discard(target)
    return Done(f"the fallback of {target} is off")


def _fallback(stage: Stage, target: str) -> Mapping[str, str]:
    return {"enabled": str(target in stage.sim.state.fallback).lower()}


def _webhook(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    """A team's automation: it does what its parameter `does` names (`add_database_index`, `renew_certificate`,
    `clean_disk`, …) and nothing where nobody taught it that."""
    does = parameters.get("does", "")
    mended = stage.sim.automation.pop((target, does), None) if does else None
    if mended is None:
        return Done(f"{target}: the webhook answered 202")
    stage.clear(mended)
    return Done(f"{target}: {does}")


EFFECTS = (
    Effect("end_database_session", _end_session, look=_blocker),
    Effect("purge_queue", _purge, look=_waiting),
    Effect("drain_queue", _drain, back=_undrain, look=_waiting),
    Effect("redrive_queue", _redrive, look=_waiting),
    Effect("switch_fallback", _fallback_on, back=_fallback_off, look=_fallback),
    Effect("call_webhook", _webhook),
)
