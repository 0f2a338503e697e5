"""Every fault by name, and the happenings that are none."""

from akeso.lab.errors import UnknownFault
from akeso.lab.faults.changes import BAD_CONFIG, CRASH_LOOP, ERROR_BURST_AFTER_DEPLOY
from akeso.lab.faults.conditions import (
    CPU_HOG,
    LATENCY_LEAF,
    LATENCY_MIDDLE,
    LOG_FLOOD,
    MEMORY_LEAK,
    POOL_EXHAUSTION,
)
from akeso.lab.faults.fault import Fault
from akeso.lab.faults.processes import CRASH, STALLED_WORKER
from akeso.lab.faults.surroundings import DB_LOCK, SLOW_EXTERNAL, TRAFFIC_SURGE

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        LATENCY_LEAF,
        LATENCY_MIDDLE,
        ERROR_BURST_AFTER_DEPLOY,
        CRASH,
        CRASH_LOOP,
        CPU_HOG,
        MEMORY_LEAK,
        DB_LOCK,
        POOL_EXHAUSTION,
        STALLED_WORKER,
        SLOW_EXTERNAL,
        BAD_CONFIG,
        TRAFFIC_SURGE,
        LOG_FLOOD,
    )
}


def chosen(names: str) -> tuple[Fault, ...]:
    """The faults of a comma-separated list, or `all`. Raises UnknownFault for another name."""
    if names == "all":
        return tuple(FAULTS.values())
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown or not wanted:
        raise UnknownFault(f"unknown faults: {', '.join(unknown) or names!r}; known: {', '.join(FAULTS)}")
    return tuple(FAULTS[name] for name in wanted)
