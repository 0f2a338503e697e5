"""How processes start, stop, crash and are started again."""

from collections.abc import Iterable

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, Mask
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Exited, Happening, Level, Line, Orchestrated, Probed
from akeso.worlds.observation import ABSENT, HUNG, STARTING, UP, Status
from akeso.worlds.simulation.knobs import NODE_LAG_S, Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.registry import Registry
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State
from akeso.worlds.simulation.streams import Streams

_STOP_S = 2.0
_LIVED_LONG_S = 180.0
_NO_LIMIT = 1e17
_PER_PROCESS = (
    "leak_mb",
    "fd_leak",
    "lost_workers",
    "heap_phase",
    "backlog",
    "refused",
    "gc_share",
    "rho_cpu",
    "rho_worker",
)
_PER_POOL = ("pool_lost", "pool_wait_ms", "pool_failing")


class Lifecycle:
    """Moves instances from state to state. What is to be told is in `said` until it is taken."""

    def __init__(self, layout: Layout, state: State, settings: Settings, streams: Streams, start: int) -> None:
        self.layout = layout
        self.state = state
        self.registry = Registry(layout, state, streams, start)
        self.said: list[Happening] = []
        self.now_s = 0.0
        self._settings = settings
        self._gone_s = np.zeros(len(layout.estate.nodes))
        self._streams = streams
        self._start = start

    @property
    def now(self) -> int:
        """ns since the epoch."""
        return self._start + round(self.now_s * NANOSECONDS)

    def service(self, row: int) -> Service:
        """Whose instance `row` is."""
        return self.layout.services[int(self.layout.service_of[row])]

    def step(self, now_s: float, too_big: Iterable[int]) -> None:
        """One second on. too_big: rows that use more memory than they may."""
        self.now_s = now_s
        for row in too_big:
            self.crash(row, 137, "OOMKilled")
        self._freeze()
        self._expire()
        state = self.state
        settled = (state.status == UP) | ((state.status == ABSENT) & ~state.wanted)
        settled &= state.wanted | (state.status == ABSENT)
        for row in np.flatnonzero(~settled).tolist():
            self._move(row)
        ready = (state.status == UP) & ~self._on_dead_node()
        state.unready_s = np.where(ready, 0.0, state.unready_s + 1)

    def start(self, row: int, *, new_place: bool = False, at_once: bool = False) -> None:
        """Start a process in a row."""
        state, service = self.state, self.service(row)
        state.generation[row] += 1
        state.started_at[row] = self.now_s
        draw = self._streams.of("start", str(row), str(state.generation[row]))
        state.ready_at[row] = self.now_s + (0.0 if at_once else service.start_s * draw.uniform(0.8, 1.4))
        state.status[row] = Status.UP if at_once else Status.STARTING
        self.forget(row)
        if service.kind is ServiceKind.CACHE:
            state.hit[self.layout.service_of[row]] *= 1 - 1 / max(
                int(state.wanted[self.layout.rows(service.name)].sum()), 1
            )
        self.registry.move_in(row, new_place=new_place)
        self._settings.stir()
        self.say(row, "Started", f"Started container {service.name}")
        self._write(row, Level.INFO, "{service} {version} is starting", version=state.version[row])

    def forget(self, row: int) -> None:
        """What a process has gathered (leaks, waiting requests, connections) is gone."""
        for name in _PER_PROCESS:
            getattr(self.state, name)[row] = 0.0
        pools = self.layout.pool_instance == row
        for name in _PER_POOL:
            getattr(self.state, name)[pools] = 0.0

    def stop(self, row: int, status: Status = Status.DOWN) -> None:
        """End the process of a row on purpose."""
        if self.state.status[row] in {Status.UP, Status.STARTING, Status.HUNG, Status.STOPPING}:
            self.said.append(Exited(self.now, row, 0, "Terminated"))
            self.say(row, "Killing", f"Stopping container {self.service(row).name}")
        self.state.status[row] = status

    def crash(self, row: int, code: int, reason: str = "Error") -> None:
        """End the process of a row as nobody meant it to. A supervisor, where there is one, starts it again."""
        state, service = self.state, self.service(row)
        if state.status[row] not in {Status.UP, Status.STARTING, Status.HUNG, Status.STOPPING}:
            return
        self.said.append(Exited(self.now, row, code, reason))
        if reason == "OOMKilled":
            self.say(row, "OOMKilling", f"Memory cgroup out of memory: Killed process ({service.name})", normal=False)
        elif code:
            self._write(row, Level.FATAL, "{service} exits with code {code}", code=str(code))
        lived = self.now_s - state.started_at[row]
        state.backoff[row] = 0 if lived > _LIVED_LONG_S else state.backoff[row] + 1
        if service.alone and reason != "OOMKilled":
            state.status[row] = Status.DOWN
            return
        wait = 0.0 if state.backoff[row] == 0 else min(5.0 * 2 ** int(state.backoff[row]), 300.0)
        state.status[row] = Status.BACKING_OFF
        state.ready_at[row] = self.now_s + max(wait, 1.0)
        if wait:
            self.say(row, "BackOff", f"Back-off restarting failed container {service.name}", normal=False)

    def say(self, row: int, reason: str, message: str, *, normal: bool = True) -> None:
        """An event of the orchestrator about an instance; nothing where there is none."""
        service = self.service(row)
        if service.alone or service.kind in {ServiceKind.MACHINE, ServiceKind.THIRD_PARTY}:
            return
        node = self.layout.estate.nodes[self.layout.node_of[row]].name if self.layout.estate.nodes else ""
        self.said.append(Orchestrated(self.now, service.name, row, reason, message, normal, node))

    def _write(self, row: int, level: Level, template: str, **fields: str) -> None:
        service = self.service(row)
        if service.kind not in {ServiceKind.THIRD_PARTY, ServiceKind.MACHINE}:
            named = {"service": service.name, **fields}
            self.said.append(Line(self.now, row, level, service.product or service.name, template, named))

    def _move(self, row: int) -> None:
        state, now = self.state, self.now_s
        wanted = bool(state.wanted[row])
        match Status(int(state.status[row])):
            case Status.STARTING if now >= state.ready_at[row]:
                self._ready(row)
            case Status.BACKING_OFF if wanted and now >= state.ready_at[row]:
                state.restarts[row] += 1
                self.start(row)
            case Status.STOPPING if now >= state.ready_at[row]:
                self.stop(row, Status.ABSENT)
            case Status.ABSENT if wanted:
                self.say(row, "Scheduled", f"Successfully assigned {self.service(row).name}")
                self.start(row, new_place=True)
            case Status.UP if not wanted:
                state.status[row] = Status.STOPPING
                state.ready_at[row] = now + _STOP_S
            case Status.DOWN | Status.BACKING_OFF | Status.STARTING if not wanted:
                self.stop(row, Status.ABSENT)
            case _:
                pass

    def _ready(self, row: int) -> None:
        self.state.status[row] = Status.UP
        if self.state.unready_s[row] > 0:
            self.said.append(Probed(self.now, row, healthy=True))

    def _freeze(self) -> None:
        """Processes that stand still, and those that go on."""
        state, still = self.state, self._settings[Knob.STOPPED] > 0
        if Knob.STOPPED not in self._settings.turned and not (state.status == HUNG).any():
            return
        for row in np.flatnonzero((state.status == UP) & still).tolist():
            state.status[row] = Status.HUNG
            self.said.append(Probed(self.now, row, healthy=False, why="context deadline exceeded"))
            self.say(row, "Unhealthy", "Readiness probe failed: context deadline exceeded", normal=False)
        for row in np.flatnonzero((state.status == HUNG) & ~still).tolist():
            self._ready(row)

    def _on_dead_node(self) -> Mask:
        """Instances whose machine is off. The orchestrator says so when it has not heard of it for a while."""
        gone = self._settings[Knob.NODE_GONE] > 0
        self._gone_s = np.where(gone, self._gone_s + 1, 0)
        for node in np.flatnonzero(self._gone_s == NODE_LAG_S).tolist():
            name = self.layout.estate.nodes[node].name
            message = f"Node {name} status is now: NodeNotReady"
            self.said.append(Orchestrated(self.now, "", -1, "NodeNotReady", message, normal=False, node=name))
        return np.asarray(gone[self.layout.node_of])

    def _expire(self) -> None:
        if Knob.CRASH_AFTER_S not in self._settings.turned:
            return
        state, lives = self.state, self._settings[Knob.CRASH_AFTER_S]
        runs = (state.status == UP) | (state.status == STARTING)
        due = runs & (lives < _NO_LIMIT) & (self.now_s - state.started_at >= lives)
        for row in np.flatnonzero(due).tolist():
            self.crash(row, 1)
