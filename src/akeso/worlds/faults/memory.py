"""Memory: leaks, hogs, kills, collections."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Runtime, Service
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, remedies, written

# Beside what the runtime needs itself, this part of the memory makes the heap nearly full.
_NEARLY_FULL = {Runtime.JAVA: 0.39, Runtime.DOTNET: 0.52, Runtime.NODE: 0.56}


def _leak(stage: Stage, mishap: Mishap) -> Begun:
    """It comes back after each restart, because the code is what it is."""
    service = mishap.target
    rate = stage.estate[service].memory_mb / 150 * mishap.strength
    conditions = stage.turn(Condition(Knob.LEAK_MB, rate, service), Condition(Knob.GC, 3.0, service))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        finish=lambda later: later.forget(service),
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(("rollback_release", service), ("revert_configuration", service)),
        note=f"{rate:.1f} MB a second",
    )


def _hog(stage: Stage, mishap: Mishap) -> Begun:
    """One kind of request takes far more than there is: killed, started again, killed."""
    service = mishap.target
    conditions = stage.turn(Condition(Knob.HOG_MB, 1.2 * mishap.strength * stage.estate[service].memory_mb, service))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service), ("scale_out", service)),
        note="killed for want of memory again and again",
    )


def _collections(stage: Stage, mishap: Mishap) -> Begun:
    """So little of the heap is free that it does little but collect."""
    service = mishap.target
    rows = stage.rows(service)
    spec = stage.estate[service]
    arrivals = max(float(stage.sim.state.arrivals[rows[0]]), 0.1)
    allocates = 0.02 * spec.memory_mb / (arrivals * 0.01) * mishap.strength
    conditions = stage.turn(
        Condition(Knob.HOG_MB, _NEARLY_FULL[spec.runtime] * spec.memory_mb, service, lives_in=stage.living(rows)),
        Condition(Knob.GC, allocates, service, lives_in=stage.living(rows)),
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(("rollback_release", service)),
        note="a cache in the process has grown",
    )


def _node_memory(stage: Stage, mishap: Mishap) -> Begun:
    """Somebody else on the machine takes its memory: the kernel kills whoever is biggest."""
    node = next(n for n in stage.estate.nodes if n.name == mishap.target)
    conditions = stage.turn(Condition(Knob.NODE_MB, node.memory_gb * 1024 * 1.05 * mishap.strength, node=node.name))
    hurt = {
        stage.sim.life.service(row).name for row in range(len(stage.sim.layout.node_of)) if _on(stage, row, node.name)
    }
    return Begun(
        entity=node.name,
        service=node.name,
        conditions=conditions,
        hurts=frozenset(hurt),
        note=f"{node.name} has no memory left",
    )


def _on(stage: Stage, row: int, node: str) -> bool:
    sim = stage.sim
    return bool(sim.state.wanted[row]) and stage.estate.nodes[sim.layout.node_of[row]].name == node


def _collects(estate: Estate, service: Service) -> bool:
    return written(estate, service) and service.runtime in {Runtime.JAVA, Runtime.DOTNET, Runtime.NODE}


KINDS = (
    Occurrence(
        "memory_leak", "memory is lost until it is killed", _leak, written, FaultClass.MEMORY_LEAK, hurts_within_s=400
    ),
    Occurrence("memory_hog", "more memory than allowed at once", _hog, written, "memory_pressure"),
    Occurrence(
        "collection_storm",
        "it does little but collect garbage",
        _collections,
        _collects,
        FaultClass.LATENCY_DEGRADATION,
    ),
    Occurrence(
        "node_out_of_memory", "a machine has no memory left", _node_memory, written, "memory_pressure", on="node"
    ),
)
