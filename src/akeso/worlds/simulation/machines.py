"""The nodes that carry instances: who shares a processor, a memory, a disk."""

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.observation import ABSENT, DOWN, UP, InstanceColumns, NodeColumns
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.resources import MIB
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

_SYSTEM_CORES = 0.15
_SYSTEM_MB = 900.0


class Machines:
    """Keeps account of the nodes."""

    def __init__(self, layout: Layout, outside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        nodes = layout.estate.nodes
        self._layout = layout
        self._inside = (~outside).astype(float)
        self._cores = np.array([n.cores for n in nodes])
        self._memory_mb = np.array([n.memory_gb * 1024 for n in nodes])
        self._disk_mb = np.array([n.disk_gb * 1024 for n in nodes])
        self._load = 0.1 * self._cores

    def step(self, state: State, settings: Settings, instances: InstanceColumns) -> NodeColumns:
        """One second on: how crowded the nodes are, and what they would tell."""
        others = settings[Knob.NODE_CPU]
        wanted = self._sum(np.minimum(state.arrivals * state.cpu_ms / 1000, instances.cpu_limit + 0.01))
        wanted = wanted + self._sum(settings[Knob.CPU_BURN]) + others + _SYSTEM_CORES
        pressure = np.maximum(wanted / self._cores, 1.0)
        state.node_pressure = 0.5 * state.node_pressure + 0.5 * pressure
        used = np.minimum(self._sum(instances.cpu_s) + others + _SYSTEM_CORES, self._cores)
        self._load = self._load + (wanted - self._load) / 60
        state.node_disk_mb = np.minimum(state.node_disk_mb + settings[Knob.NODE_DISK_MB], self._disk_mb)
        on = 1 - np.minimum(settings[Knob.NODE_GONE], 1.0)
        memory = np.minimum(self._memory_used(state, settings), self._memory_mb)
        return NodeColumns(
            ready=on,
            cpu_cores=used * on,
            cores=self._cores,
            memory_used=memory * MIB * on,
            page_cache=np.minimum(0.25 * self._memory_mb, self._memory_mb - memory) * MIB * on,
            memory_size=self._memory_mb * MIB,
            disk_used=state.node_disk_mb * MIB,
            disk_size=self._disk_mb * MIB,
            disk_busy=self._disk_busy(settings, instances) * on,
            load1=self._load * on,
            net_in=self._sum(instances.net_in) * on,
            net_out=self._sum(instances.net_out) * on,
            retransmitted=self._retransmitted(settings, instances) * on,
        )

    def too_full(self, state: State, settings: Settings) -> list[int]:
        """Of each node whose memory is used up: the instance that uses most."""
        over = self._memory_used(state, settings) > self._memory_mb
        found = []
        for node in np.flatnonzero(over).tolist():
            here = (self._layout.node_of == node) & (self._inside > 0) & (state.status == UP)
            if here.any():
                found.append(int(np.argmax(np.where(here, state.rss_mb, -1.0))))
        return found

    def _memory_used(self, state: State, settings: Settings) -> Floats:
        runs = (state.status != ABSENT) & (state.status != DOWN)
        return self._sum(state.rss_mb * runs) + settings[Knob.NODE_MB] + _SYSTEM_MB

    def _disk_busy(self, settings: Settings, instances: InstanceColumns) -> Floats:
        written = self._sum(instances.disk_written) / (120 * MIB)
        return np.clip((0.02 + written) * settings[Knob.NODE_DISK_SLOW], 0.0, 1.0)

    def _retransmitted(self, settings: Settings, instances: InstanceColumns) -> Floats:
        base = self._sum(instances.net_out) / 1460 * 1e-4
        if Knob.LOSS not in settings.turned:
            return base
        hit = np.zeros(len(self._layout.service_of))
        np.maximum.at(hit, self._layout.link_callee, settings[Knob.LOSS])
        return base + self._sum(instances.net_out / 1460 * hit)

    def _sum(self, values: Floats) -> Floats:
        totals = np.bincount(self._layout.node_of, values * self._inside, len(self._cores))
        return totals.astype(np.float64, copy=False)
