"""What changes in a world from tick to tick."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Codes, Floats, Mask, Times
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import ABSENT, UP
from akeso.worlds.simulation.layout import Layout

DISK_FILL = 0.45


@dataclass(slots=True, eq=False)
class State:
    """Mutable. Arrays have one row an instance where nothing else is said; times are seconds since the world's
    start."""

    status: Codes
    generation: Times  # how many processes have lived here
    restarts: Times
    ready_at: Floats
    started_at: Floats
    unready_s: Floats  # for how long it has not been UP
    wanted: Mask  # whether an instance should be here
    version: list[str]
    configuration: list[str]
    backlog: Floats  # requests that wait
    admitted: Floats  # of what arrived at it, the part that was begun in the last tick
    refused: Floats  # of what arrives at it, the part turned away
    rho_cpu: Floats
    rho_worker: Floats
    arrivals: Floats  # requests a second
    hold_ms: Floats  # how long a request keeps a worker
    cpu_ms: Floats  # processor time of a request
    capacity: Floats  # requests a second it could do
    queue_ms: Floats  # how long a request waits for a worker
    stretch: Floats  # how much longer a second of processor takes
    leak_mb: Floats
    fd_leak: Floats
    lost_workers: Floats
    heap_phase: Floats  # megabytes since the last collection
    gc_share: Floats
    disk_mb: Floats
    disk_full: Mask
    fd_failing: Floats  # chance that a request finds no file descriptor
    no_session: Floats  # of a database: chance that a connection is refused
    rss_mb: Floats
    lag_s: Floats
    blocked_s: Floats
    backoff: Times  # crashes in a row
    pool_wait_ms: Floats  # of each pool
    pool_lost: Floats
    pool_use: Floats
    pool_failing: Floats
    node_pressure: Floats  # of each node: how much slower everybody's processor is
    node_disk_mb: Floats
    hit: Floats  # of each service that is a cache: share of hits
    fallback: set[str]  # services whose fallback is on
    flags: dict[str, set[str]]  # service → flags that are on
    retired: set[str]


def fresh(layout: Layout) -> State:
    """The state of a calm world that has run for long."""
    n, services = len(layout.service_of), layout.services
    wanted = np.array(
        [
            slot < services[s].replicas and services[s].kind is not ServiceKind.BATCH
            for s, slot in zip(layout.service_of, layout.slot_of, strict=True)
        ]
    )
    disks = np.array([services[s].disk_gb * 1024 for s in layout.service_of])
    return State(
        status=np.where(wanted, UP, ABSENT).astype(np.uint8),
        generation=np.ones(n, np.int64),
        restarts=np.zeros(n, np.int64),
        ready_at=np.full(n, -3600.0),
        started_at=np.full(n, -3600.0),
        unready_s=np.where(wanted, 0.0, 1e6),
        wanted=wanted,
        version=[services[s].version for s in layout.service_of],
        configuration=["1" for _ in range(n)],
        admitted=np.ones(n),
        capacity=np.full(n, 1e6),
        stretch=np.ones(n),
        disk_mb=disks * DISK_FILL,
        disk_full=np.zeros(n, bool),
        node_pressure=np.ones(len(layout.estate.nodes)),
        node_disk_mb=np.array([node.disk_gb * 1024 * DISK_FILL for node in layout.estate.nodes]),
        hit=np.full(len(services), 0.92),
        backoff=np.zeros(n, np.int64),
        fallback=set(),
        flags={},
        retired=set(),
        **{name: np.zeros(n) for name in _ZERO},
        **{name: np.zeros(len(layout.pool_size)) for name in _POOLS},
    )


_ZERO = (
    *("backlog", "refused", "rho_cpu", "rho_worker", "arrivals", "hold_ms", "cpu_ms", "queue_ms", "leak_mb", "fd_leak"),
    *("lost_workers", "heap_phase", "gc_share", "lag_s", "blocked_s"),
    *("fd_failing", "no_session", "rss_mb"),
)
_POOLS = ("pool_wait_ms", "pool_lost", "pool_use", "pool_failing")
