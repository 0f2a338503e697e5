"""What processes use: memory, collections, files, disk, network."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats, Mask
from akeso.worlds.estate.service import Runtime, Service, ServiceKind
from akeso.worlds.observation import HUNG, STARTING, STOPPING, UP, InstanceColumns, Status
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.load import Load
from akeso.worlds.simulation.reach import Still
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

MIB = 1024.0 * 1024.0
# Of the memory limit when idle, MB a request allocates, seconds a full collection pauses (0: collects nothing).
_RUNTIMES = {
    Runtime.PYTHON: (0.30, 0.0, 0.0),
    Runtime.JAVA: (0.45, 0.6, 0.050),
    Runtime.GO: (0.15, 0.2, 0.004),
    Runtime.NODE: (0.28, 0.3, 0.030),
    Runtime.DOTNET: (0.32, 0.4, 0.030),
    Runtime.NATIVE: (0.22, 0.0, 0.0),
}
_RUNS = np.isin(np.arange(len(Status)), (STARTING, UP, STOPPING, HUNG))
_REQUEST_MB, _WAITING_MB = 0.4, 0.03
_CALL_KB = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Limits and habits of instances, made once. memory in MB; limited: whether its memory limit is enforced."""

    memory: Floats
    limited: Mask
    idle: Floats
    allocates: Floats
    pause_s: Floats
    files: Floats
    disk: Floats
    outside: Mask
    cache: Mask

    @classmethod
    def of(cls, layout: Layout) -> "Sizes":
        """For a layout."""
        services = [layout.services[s] for s in layout.service_of]
        habits = np.array([_RUNTIMES[s.runtime] for s in services])
        memory = np.array([s.memory_mb for s in services])
        return cls(
            memory=memory,
            limited=np.array([s.kind not in {ServiceKind.THIRD_PARTY, ServiceKind.MACHINE} for s in services]),
            idle=habits[:, 0] * memory,
            allocates=habits[:, 1],
            pause_s=habits[:, 2],
            files=np.array([_file_limit(s) for s in services]),
            disk=np.array([s.disk_gb * 1024 for s in services]),
            outside=np.array([s.kind is ServiceKind.THIRD_PARTY for s in services]),
            cache=np.array([s.kind in {ServiceKind.CACHE, ServiceKind.DATABASE} for s in services]),
        )


def _file_limit(service: Service) -> float:
    return 65_536.0 if service.stores else 1_024.0 if service.alone else 4_096.0


class Resources:
    """Keeps account of what is used."""

    def __init__(self, layout: Layout, still: Still) -> None:
        self._layout = layout
        self._still = still
        self._sizes = Sizes.of(layout)

    def step(self, state: State, settings: Settings, load: Load) -> InstanceColumns:
        """One second on: the state's memory, files and disk, and all that instances would tell."""
        runs = _RUNS[state.status]
        self._grow(state, settings, runs)
        self._collect(state, settings)
        served = np.minimum(state.arrivals, state.capacity)
        workers = np.maximum(self._still.workers * settings[Knob.WORKERS], 0.0)
        busy = np.minimum(served * state.hold_ms / 1000 + state.lost_workers, workers)
        cpu = np.minimum(served * state.cpu_ms / 1000 + settings[Knob.CPU_BURN], self._still.limit)
        cpu = cpu * (1 + state.gc_share) + np.where(state.status == STARTING, 0.4 * self._still.limit, 0.002)
        return self._columns(state, settings, runs, _Use(cpu, busy, workers, served), load)

    def too_big(self, state: State) -> list[int]:
        """Rows that use more memory than their limit."""
        over = self._sizes.limited & (state.rss_mb > self._sizes.memory)
        return np.flatnonzero(over & (state.status == UP)).tolist()

    def _grow(self, state: State, settings: Settings, runs: Mask) -> None:
        size = self._sizes
        state.leak_mb = np.where(runs, state.leak_mb + settings[Knob.LEAK_MB], 0.0)
        state.fd_leak = np.where(runs, state.fd_leak + settings[Knob.FD_LEAK], 0.0)
        state.lost_workers = np.where(runs, state.lost_workers + settings[Knob.WORKER_LEAK], 0.0)
        np.minimum(state.lost_workers, self._still.workers, out=state.lost_workers)
        written = np.bincount(self._layout.instance_of, written_kb(self._layout, state), len(self._layout.service_of))
        state.disk_mb = np.minimum(state.disk_mb + settings[Knob.DISK_MB] + written * 2e-6, size.disk)
        node_full = state.node_disk_mb >= 0.999 * np.array([n.disk_gb * 1024 for n in self._layout.estate.nodes])
        state.disk_full = ((size.disk > 0) & (state.disk_mb >= 0.999 * size.disk)) | node_full[self._layout.node_of]
        in_flight = _in_flight(state, self._still.workers)
        wanted = 40 + 3 * in_flight + state.fd_leak
        state.fd_failing = np.clip((wanted - size.files) / (3 * in_flight + 10), 0.0, 1.0)

    def _collect(self, state: State, settings: Settings) -> None:
        size = self._sizes
        live = size.idle + state.leak_mb + settings[Knob.HOG_MB]
        begun = np.minimum(_in_flight(state, self._still.workers) - state.backlog, 5000.0)
        held = _REQUEST_MB * begun + _WAITING_MB * state.backlog
        room = np.maximum(size.memory * 0.85 - live - held, 0.015 * size.memory)
        allocated = state.arrivals * size.allocates * settings[Knob.GC]
        pauses = allocated / room * size.pause_s * (0.5 + live / size.memory)
        state.gc_share = 0.5 * state.gc_share + 0.5 * np.minimum(pauses, 0.97)
        state.heap_phase = np.where(size.pause_s > 0, np.mod(state.heap_phase + allocated, room), 0.0)
        garbage = np.where(size.pause_s > 0, state.heap_phase, 0.0)
        state.rss_mb = live + garbage + held

    def _columns(self, state: State, settings: Settings, runs: Mask, use: "_Use", load: Load) -> InstanceColumns:
        size, on = self._sizes, runs.astype(float)
        wire_in, wire_out = self._traffic(load)
        live = (size.idle + state.leak_mb) * MIB
        in_flight = _in_flight(state, use.workers)
        busy_disk = np.clip(0.03 + use.served * 0.0004, 0, 1) * settings[Knob.DISK_SLOW]
        busy_disk = np.clip(busy_disk * settings[Knob.NODE_DISK_SLOW][self._layout.node_of], 0, 1)
        written = use.served * 4096.0 + settings[Knob.DISK_MB] * MIB
        managed = size.pause_s > 0
        return InstanceColumns(
            status=state.status.copy(),
            restarts=state.restarts.copy(),
            cpu_s=use.cpu * on,
            cpu_limit=np.where(size.outside, 0.0, self._still.limit * settings[Knob.CPU_LIMIT]),
            throttled_s=np.clip(state.rho_cpu - 0.8, 0.0, 1.0) * on,
            rss=state.rss_mb * MIB * on,
            heap=np.where(managed, live + state.heap_phase * MIB, 0.0) * on,
            heap_after_gc=np.where(managed, live, 0.0) * on,
            page_cache=np.where(size.cache, 0.3, 0.08) * size.memory * MIB * on,
            memory_limit=size.memory * MIB,
            fds=(40 + 3 * in_flight + state.fd_leak) * on,
            fd_limit=size.files,
            threads=(12 + np.minimum(use.workers, 400.0)) * on,
            thread_limit=use.workers,
            busy=use.busy * on,
            in_flight=in_flight * on,
            waiting=state.backlog * on,
            gc_s=np.where(managed, state.gc_share, 0.0) * on,
            gc_count=np.where(managed, state.gc_share / np.maximum(size.pause_s, 0.001), 0.0) * on,
            disk_used=state.disk_mb * MIB,
            disk_size=size.disk * MIB,
            disk_read=use.served * 1024.0 * on,
            disk_written=written * on,
            disk_busy=busy_disk * on,
            net_in=wire_in * on,
            net_out=wire_out * on,
            clock_skew_s=settings[Knob.SKEW_S],
        )

    def _traffic(self, load: Load) -> tuple[Floats, Floats]:
        layout, count = self._layout, len(self._layout.service_of)
        sent = load.link * _CALL_KB * 1024
        caller = layout.origin_instance[layout.leg_origin][layout.link_leg]
        inner = caller >= 0
        served = np.bincount(layout.link_callee, sent, count)
        called = np.bincount(caller[inner], sent[inner], count)
        return np.asarray(served * 0.3 + called), np.asarray(served + called * 0.3)


@dataclass(frozen=True, slots=True, eq=False)
class _Use:
    cpu: Floats
    busy: Floats
    workers: Floats
    served: Floats


def written_kb(layout: Layout, state: State) -> Floats:
    """Kilobytes a second that endpoints write."""
    return layout.writes_kb * state.arrivals[layout.instance_of]


def _in_flight(state: State, workers: Floats) -> Floats:
    done = np.minimum(state.arrivals, state.capacity)
    return np.asarray(state.backlog + np.minimum(np.minimum(done * state.hold_ms / 1000, workers), 5000.0))
