"""Queues and those who work on them: users feel it as work that comes late."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Level, Thrown
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, remedies


def _slow(stage: Stage, mishap: Mishap) -> Begun:
    """Each message takes so long that more come in than go out."""
    service = mishap.target
    row = stage.rows(service)[0]
    state = stage.sim.state
    room = float(state.capacity[row] / max(float(state.arrivals[row]), 0.01))
    factor = 3 * room * mishap.strength
    conditions = stage.turn(Condition(Knob.CPU, factor, service))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", (stage.estate[service].consumes or ("", ""))[0])),
        note=f"a message takes {factor:.0f} times the processor",
    )


def _stalled(stage: Stage, mishap: Mishap) -> Begun:
    """Connected, and takes nothing."""
    service = mishap.target
    queue, _ = stage.estate[service].consumes or ("", "")
    rows = stage.rows(service)
    conditions = stage.turn(Condition(Knob.IDLE, 1.0, service, lives_in=stage.living(rows)))
    queues = stage.sim.queues
    queues.stuck[queues.rows(service)] += 10.0 * len(rows)
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(("restart", queue), ("purge_queue", queue), ("purge_queue", service)),
        note="its consumers are connected and take nothing",
    )


def _poison(stage: Stage, mishap: Mishap) -> Begun:
    """Messages that can never be worked off come back again and again and keep the workers from the others."""
    service = mishap.target
    row = stage.rows(service)[0]
    state = stage.sim.state
    room = float(state.capacity[row] / max(float(state.arrivals[row]), 0.01))
    thrown = Thrown("JSONDecodeError", "Expecting value: line 1 column 1 (char 0)")
    conditions = stage.turn(
        Condition(Knob.ERRORS, min(0.9 * mishap.strength, 0.97), service, thrown=thrown),
        Condition(Knob.WAIT, 1.0 + 40.0 * room, service),
        Condition(Knob.CPU, max(1.5 * room, 1.0), service),
    )
    stage.write(service, Level.ERROR, "message {id} failed for the {n}th time", {"id": "88142", "n": "17"})
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service)),
        note="poisonous messages come back",
    )


def _gone(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    for row in stage.rows(service):
        stage.sim.life.stop(row)
    return Begun(
        entity=service,
        service=service,
        finish=lambda later: later.start(service),
        over=lambda later: later.up(service) > 0,
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        note="its workers are stopped",
    )


def _worker(estate: Estate, service: Service) -> bool:
    """A worker whose topic somebody publishes to."""
    if service.kind is not ServiceKind.WORKER or service.consumes is None:
        return False
    return any(
        (c.service, c.operation) == service.consumes for s in estate.services for o in s.operations for c in o.calls
    )


KINDS = (
    Occurrence(
        "slow_worker", "more messages come in than go out", _slow, _worker, FaultClass.QUEUE_BACKLOG, hurts_within_s=200
    ),
    Occurrence(
        "stalled_consumer",
        "a worker takes no messages",
        _stalled,
        _worker,
        FaultClass.QUEUE_BACKLOG,
        hurts_within_s=120,
    ),
    Occurrence("poison_message", "messages that fail again and again", _poison, _worker, FaultClass.QUEUE_BACKLOG),
    Occurrence(
        "worker_down", "the workers of a queue are stopped", _gone, _worker, FaultClass.CRASH, hurts_within_s=120
    ),
)
