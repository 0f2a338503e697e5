"""Machines: neighbours, disks, power."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.simulation.knobs import Condition, Knob, Turn
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies, written


def _on_node(stage: Stage, name: str, turned: tuple[tuple[Turn, float], ...], note: str) -> Begun:
    conditions = stage.turn(*(Condition(knob, amount, node=name) for knob, amount in turned))
    return Begun(entity=name, service=name, conditions=conditions, hurts=_living_on(stage, name), note=note)


def _living_on(stage: Stage, name: str) -> frozenset[str]:
    sim = stage.sim
    rows = [row for row, node in enumerate(sim.layout.node_of) if stage.estate.nodes[node].name == name]
    return frozenset(sim.life.service(row).name for row in rows if sim.state.wanted[row])


def _neighbour(stage: Stage, mishap: Mishap) -> Begun:
    """Something beside takes the processor of a machine."""
    node = next(n for n in stage.estate.nodes if n.name == mishap.target)
    taken = node.cores * 12 * mishap.strength
    return _on_node(stage, node.name, ((Knob.NODE_CPU, taken),), f"{taken:.0f} cores are wanted by somebody else")


def _gone(stage: Stage, mishap: Mishap) -> Begun:
    return _on_node(stage, mishap.target, ((Knob.NODE_GONE, 1.0),), "the machine is off")


def _disk(stage: Stage, mishap: Mishap) -> Begun:
    """A store's disk fills within a minute or two; then it cannot write."""
    service = mishap.target
    free = stage.estate[service].disk_gb * 1024 * 0.56
    conditions = stage.turn(Condition(Knob.DISK_MB, free / 75 * mishap.strength, service))
    rows = stage.sim.layout.rows(service)

    def clean(later: Stage) -> None:
        later.sim.state.disk_mb[rows.start : rows.stop] *= 0.5

    stage.sim.automation[service, "clean_disk"] = conditions
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        finish=clean,
        hurts=frozenset({service}),
        harms=remedies(("restart", service)),
        note="temporary files are never deleted",
    )


def _slow_disk(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    wait = max(sum(o.wait_ms for o in stage.estate[service].operations) / len(stage.estate[service].operations), 0.1)
    factor = 1 + 3 * mishap.strength * stage.promised_ms(service) / wait
    conditions = stage.turn(Condition(Knob.DISK_SLOW, factor, service))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service), ("scale_out", service)),
        note=f"each access takes {factor:.0f} times as long",
    )


def _machine_busy(stage: Stage, mishap: Mishap) -> Begun:
    """On one machine of a fleet something runs wild."""
    service = mishap.target
    row = stage.rows(service)[0]
    cores = stage.estate[service].cores
    burn = cores * (1 - 0.1 / mishap.strength)
    conditions = stage.turn(Condition(Knob.CPU_BURN, burn, service, instances=(row,), lives_in=stage.living((row,))))
    return Begun(
        entity=stage.sim.life.registry[row].name,
        service=service,
        conditions=conditions,
        instances=(row,),
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        note="one machine of the fleet",
    )


def _keeps(estate: Estate, service: Service) -> bool:
    """A database with a disk that somebody writes to."""
    written_to = {o.name for o in service.operations if o.writes_kb > 0}
    calls = [c for s in estate.services for o in s.operations for c in o.calls if c.service == service.name]
    writes = any(c.operation in written_to for c in calls)
    return service.kind is ServiceKind.DATABASE and called(estate, service) and service.disk_gb > 0 and writes


def _fleet(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.MACHINE and called(estate, service)


KINDS = (
    Occurrence(
        "noisy_neighbour", "others on the machine take the processor", _neighbour, written, "noisy_neighbour", on="node"
    ),
    Occurrence("machine_off", "a machine is off", _gone, written, FaultClass.CRASH, on="node", partial=True),
    Occurrence("disk_full", "no space is left on a disk", _disk, _keeps, FaultClass.DISK_PRESSURE, hurts_within_s=200),
    Occurrence("slow_disk", "a disk that is slow", _slow_disk, _keeps, "slow_disk"),
    Occurrence(
        "runaway_on_a_machine",
        "one machine of a fleet is busy with something",
        _machine_busy,
        _fleet,
        FaultClass.CPU_SATURATION,
        partial=True,
    ),
)
