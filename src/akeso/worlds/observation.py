"""What a tick of a world looked like, to those who tell it.

Rows never move while a world runs: row i of every instance column is the same place in the estate. Who lives there may
change (a pod is replaced): then `Census.epoch` grows and `Census.instances[i]` is another. All arrays are read-only by
convention.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, Floats, Ids, Mask, SpanIds, Times
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import CallProtocol, Service
from akeso.worlds.happening import Happening, Thrown

OUTSIDE = -1
"""The row of visitors: callers that are no part of the estate."""


class Status(IntEnum):
    """How an instance is."""

    ABSENT = 0  # a place for an instance that does not exist (scaled in, a job that does not run, retired)
    STARTING = 1  # its process runs and serves nothing yet
    UP = 2
    STOPPING = 3  # serves what it has and takes nothing new
    DOWN = 4  # should run and does not
    BACKING_OFF = 5  # crashed; the supervisor waits before it starts it again
    HUNG = 6  # its process is there and does nothing (stopped, or dead in a loop)


# Plain numbers, for comparisons of whole columns: looking up an enumeration costs more than the comparison.
ABSENT, STARTING, UP, STOPPING, DOWN, BACKING_OFF, HUNG = (int(status) for status in Status)


@dataclass(frozen=True, slots=True)
class Instance:
    """Who lives in a row. name: as the orchestrator names it (pod, container, host); service: row of `Census.services`;
    slot: the how-many-th of its service; node: row of nodes; ip: its address; uid: unique to this life of it."""

    name: str
    service: int
    slot: int
    node: int
    ip: str
    uid: str
    version: str
    configuration: str
    started_at: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An operation of an instance."""

    instance: int
    operation: str


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the code from which calls are made. caller, callee: rows of services, caller OUTSIDE for visitors;
    peer: the callee as the caller knows it (a host name); asynchronous: it publishes to a queue, or takes from one."""

    caller: int
    caller_operation: str
    callee: int
    operation: str
    protocol: CallProtocol
    peer: str
    timeout_ms: float
    retries: int
    asynchronous: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Census:
    """Who is there. Links are all (caller instance, site, callee instance) that can carry a call.

    link_caller, link_callee: int32[l] rows of instances (caller may be OUTSIDE); link_endpoint: int32[l] the callee's
    endpoint; link_origin: int32[l] the caller's endpoint (OUTSIDE for visitors); link_site: int32[l].
    pool_instance, pool_service: int32[p] whose connections to whom (rows of instances and services)."""

    epoch: int
    estate: Estate
    services: tuple[Service, ...]
    instances: tuple[Instance, ...]
    endpoints: tuple[Endpoint, ...]
    sites: tuple[Site, ...]
    link_caller: Ids
    link_callee: Ids
    link_endpoint: Ids
    link_origin: Ids
    link_site: Ids
    pool_instance: Ids
    pool_service: Ids


@dataclass(frozen=True, slots=True, eq=False)
class CallColumns:
    """The calls (attempts) that ended in a tick, sorted by link. Every one stands for `weight` like it.

    link: int32[n]; weight: int64[n] ≥ 1; latency_ms: float64[n] as the caller measured it; server_ms: float64[n] as the
    callee did, NaN where it never arrived; seen: uint8[n] Answer of the caller's side; served: uint8[n] Answer of the
    callee's; attempt: uint8[n] 0 for the first, 1.. for retries.
    """

    link: Ids
    weight: Times
    latency_ms: Floats
    server_ms: Floats
    seen: Codes
    served: Codes
    attempt: Codes

    def __len__(self) -> int:
        return len(self.link)


@dataclass(frozen=True, slots=True, eq=False)
class InstanceColumns:
    """Levels at the end of a tick and sums over it, one row an instance; zero where it is ABSENT or DOWN.

    status: uint8 Status; restarts: int64 since the beginning; cpu_s: processor seconds used in the tick, cpu_limit:
    cores (0 = none), throttled_s: seconds of the tick it was held back; memory in bytes: rss (all it uses), heap (in
    use), heap_after_gc, page_cache, memory_limit (0 = none); fds, fd_limit; threads, thread_limit (workers that serve),
    busy (workers in use); in_flight: requests in it, waiting: of these not begun; gc_s, gc_count in the tick; disk in
    bytes: disk_used, disk_size (0 = has none), disk_read, disk_written in the tick; disk_busy 0..1; net_in, net_out:
    bytes in the tick; clock_skew_s: how far its clock is ahead.
    """

    status: Codes
    restarts: Times
    cpu_s: Floats
    cpu_limit: Floats
    throttled_s: Floats
    rss: Floats
    heap: Floats
    heap_after_gc: Floats
    page_cache: Floats
    memory_limit: Floats
    fds: Floats
    fd_limit: Floats
    threads: Floats
    thread_limit: Floats
    busy: Floats
    in_flight: Floats
    waiting: Floats
    gc_s: Floats
    gc_count: Floats
    disk_used: Floats
    disk_size: Floats
    disk_read: Floats
    disk_written: Floats
    disk_busy: Floats
    net_in: Floats
    net_out: Floats
    clock_skew_s: Floats

    @property
    def running(self) -> Mask:
        """Where a process is."""
        return np.isin(self.status, (Status.STARTING, Status.UP, Status.STOPPING, Status.HUNG))


@dataclass(frozen=True, slots=True, eq=False)
class PoolColumns:
    """Client-side connection pools, one row a (caller instance, callee service). used, idle, size: connections;
    pending: requests that wait for one; wait_ms: how long; timeouts: int64 requests that gave up in the tick."""

    used: Floats
    idle: Floats
    size: Floats
    pending: Floats
    wait_ms: Floats
    timeouts: Times


@dataclass(frozen=True, slots=True, eq=False)
class StoreColumns:
    """Databases and caches, one row each of their instances. instance: int32 rows.

    connections, connection_limit, active, blocked (sessions that wait for a lock); oldest_s: age of the oldest open
    transaction; commits, rollbacks, deadlocks: in the tick; lag_s: how far a replica is behind; hits, misses,
    evictions: in the tick (of a cache, or of a database's buffers); entries: keys in a cache; read_only: 0 or 1."""

    instance: Ids
    connections: Floats
    connection_limit: Floats
    active: Floats
    blocked: Floats
    oldest_s: Floats
    commits: Floats
    rollbacks: Floats
    deadlocks: Floats
    lag_s: Floats
    hits: Floats
    misses: Floats
    evictions: Floats
    entries: Floats
    read_only: Floats


@dataclass(frozen=True, slots=True, eq=False)
class QueueColumns:
    """Queues, one row each topic (an operation of a broker service). service: int32 rows of brokers; topic: names;
    depth: messages that wait; unacked: given out and not settled; oldest_s: age of the oldest; published, delivered,
    settled, redelivered, dead_lettered: messages in the tick; consumers: live ones."""

    service: Ids
    topic: tuple[str, ...]
    depth: Floats
    unacked: Floats
    oldest_s: Floats
    published: Floats
    delivered: Floats
    settled: Floats
    redelivered: Floats
    dead_lettered: Floats
    consumers: Floats


@dataclass(frozen=True, slots=True, eq=False)
class NodeColumns:
    """Machines, one row a node of the estate. ready: 0 or 1; cpu_cores: used, of cores; memory in bytes: used (without
    page cache), page_cache, size; disk in bytes; disk_busy 0..1; load1: as uptime prints it; net_in, net_out: bytes and
    retransmitted: segments in the tick."""

    ready: Floats
    cpu_cores: Floats
    cores: Floats
    memory_used: Floats
    page_cache: Floats
    memory_size: Floats
    disk_used: Floats
    disk_size: Floats
    disk_busy: Floats
    load1: Floats
    net_in: Floats
    net_out: Floats
    retransmitted: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RequestColumns:
    """Whole requests that began in the tick, as calls: one row a call (one attempt), parents before children.

    trace: uint64 one per whole request; span: uint64 id of this call, unique; parent: int64 row of the call that made
    it, -1 for a root (a visitor's call, a message, a run of a job); link: int32; start: int64 ns when the caller sent
    it; duration: int64 ns as the caller saw it; server_start, server_duration: int64 ns as the callee did (0 duration
    and start 0 where it never arrived); seen, served: uint8 Answer; attempt: uint8; sampling: float64 the root's draw
    for head sampling. A sender writes a client span for the caller (unless OUTSIDE) and a server span for the callee
    from each row. Times are true; a sender adds its own instance's `clock_skew_s`.
    """

    trace: SpanIds
    span: SpanIds
    parent: Times
    link: Ids
    start: Times
    duration: Times
    server_start: Times
    server_duration: Times
    seen: Codes
    served: Codes
    attempt: Codes
    sampling: Floats

    def __len__(self) -> int:
        return len(self.span)


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One tick. start, end: ns, half-open [start, end). thrown: endpoint → the exception that its own failures raise,
    where it is a special one (see wording.exception for all others). heard_instances, heard_nodes: False where
    telemetry does not get out (a dead collector or exporter, a machine that is off): nothing is told of these, and
    nothing of what they would send themselves; everything else of the tick is as it is."""

    start: int
    end: int
    census: Census
    calls: CallColumns
    instances: InstanceColumns
    pools: PoolColumns
    stores: StoreColumns
    queues: QueueColumns
    nodes: NodeColumns
    requests: RequestColumns
    happenings: tuple[Happening, ...]
    thrown: Mapping[int, Thrown]
    heard_instances: Mask
    heard_nodes: Mask


GRID_MS: NDArray[np.float64] = np.geomspace(0.1, 120_000.0, 97)
"""Upper bounds of one fine grid of latencies, ms, about 16 a decade, for who keeps counts on a grid of his own: what is
told as a histogram with other bounds loses at most 7.5 % of a latency."""


def on_grid(latency_ms: Floats) -> Ids:
    """int32[n]: the bucket of GRID_MS (le semantics) that each latency falls into; len(GRID_MS) is the one beyond
    all."""
    return np.searchsorted(GRID_MS, latency_ms, side="left").astype(np.int32)
