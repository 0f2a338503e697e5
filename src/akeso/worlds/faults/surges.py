"""More than there is room for, and what stays when it is over."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies, seconds, written

_TRIGGER_S = 60.0


def _surge(stage: Stage, mishap: Mishap) -> Begun:
    """So many visitors that the tightest service behind the gateway has not room for all."""
    service = mishap.target
    tight, room = _tightest(stage)
    factor = 1.25 * mishap.strength * room
    visited = [t.service for t in stage.estate.traffic if stage.estate[t.service].kind is ServiceKind.GATEWAY]
    conditions = stage.turn(
        *(Condition(Knob.SURGE, factor, name) for name in sorted(set(visited))),
        Condition(Knob.NO_SCALING, 1.0, tight),
    )
    return Begun(
        entity=service,
        service=tight,
        conditions=conditions,
        hurts=frozenset({tight}),
        helps=remedies(("scale_out", tight)),
        harms=remedies(("restart", tight), ("rollback_release", tight)),
        note=f"{factor:.1f} times the visitors; {tight} has room for {room:.1f} times",
    )


def _tightest(stage: Stage) -> tuple[str, float]:
    """The web service that is first out of room, and how much more it could take."""
    found = []
    for service in stage.estate.services:
        if written(stage.estate, service):
            row = stage.sim.layout.rows(service.name).start
            arrivals, capacity = float(stage.sim.state.arrivals[row]), float(stage.sim.state.capacity[row])
            if arrivals > 0.05:
                found.append((capacity / arrivals, service.name))
    room, name = min(found, default=(1.0, stage.estate.traffic[0].service))
    return name, max(room, 1.0)


def _storm(stage: Stage, mishap: Mishap) -> Begun:
    """A minute without capacity; then callers' retries alone keep it without: it outlives what set it off.

    It ends when load is taken off for a while or when there is enough room for the retries, too."""
    service = mishap.target
    state = stage.sim.state
    row = stage.rows(service)[0]
    room = float(state.capacity[row] / max(float(state.arrivals[row]), 0.01))
    # Fuller than usual, with a long queue and callers that soon give up and try again: that is the weakness, and
    # nobody feels it.
    patience = max(200.0, 4 * stage.promised_ms(service))
    lasting = stage.turn(
        Condition(Knob.CPU, max(0.35 * room, 1.0), service),
        Condition(Knob.ACCEPT, _longer(stage, service, patience), service),
        *(Condition(Knob.RETRIES, 4.0, name, peer=service) for name in stage.callers(service)),
        *_impatient(stage, service, patience),
        Condition(Knob.NO_SCALING, 1.0, service),
    )
    trigger = stage.turn(Condition(Knob.CPU_LIMIT, 0.25 / mishap.strength, service))
    began = seconds(stage.now)
    healthy = [0]

    def over(later: Stage) -> bool:
        if seconds(later.now) - began > _TRIGGER_S:
            later.clear(trigger)
            calm = not later.sim.users.hurt(service, 0.0).hurts
            healthy[0] = healthy[0] + 1 if calm else 0
        return healthy[0] > 60

    return Begun(
        entity=service,
        service=service,
        conditions=(*lasting, *trigger),
        over=over,
        hurts=frozenset({service}),
        helps=remedies(("scale_out", service), ("restart", service)),
        harms=remedies(("rollback_release", service)),
        note="the trigger is over after a minute; retries keep it going",
    )


def _longer(stage: Stage, service: str, patience_ms: float) -> float:
    """How much longer a queue must be for callers to give up before they have come to its end."""
    row = stage.rows(service)[0]
    capacity = 3 * float(stage.sim.state.arrivals[row])
    return max(4 * capacity * patience_ms / 1000 / stage.estate[service].accept, 1.0)


def _impatient(stage: Stage, service: str, patience_ms: float) -> list[Condition]:
    """Time-outs of all calls to a service brought down to `patience_ms`."""
    return [
        Condition(Knob.TIMEOUT, min(patience_ms / call.timeout_ms, 1.0), name, operation=operation.name, peer=service)
        for name in stage.callers(service)
        for operation in stage.estate[name].operations
        for call in operation.calls
        if call.service == service
    ]


def _entry(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.GATEWAY and called(estate, service)


def _between(estate: Estate, service: Service) -> bool:
    """Called by services, each call with a time-out that waiting can reach."""
    return written(estate, service) and bool(estate.callers_of(service.name))


KINDS = (
    Occurrence("traffic_surge", "more visitors than there is room for", _surge, _entry, FaultClass.TRAFFIC_SURGE),
    Occurrence(
        "retry_storm",
        "retries keep a service overloaded",
        _storm,
        _between,
        FaultClass.LATENCY_DEGRADATION,
        lasting=True,
    ),
)
