"""One tick after the other: the whole of a world but for what people plan and do in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Mask
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.happening import ALL_SIGNALS, Happening, Outage
from akeso.worlds.observation import UP, Observation, PoolColumns
from akeso.worlds.simulation.calls import chances, draw_calls
from akeso.worlds.simulation.compile import compile_estate
from akeso.worlds.simulation.jobs import Jobs
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.lifecycle import Lifecycle
from akeso.worlds.simulation.load import Load, descend, pool, strain
from akeso.worlds.simulation.logs import Logs
from akeso.worlds.simulation.machines import Machines
from akeso.worlds.simulation.queues import Queues
from akeso.worlds.simulation.reach import Reach, Still, reach
from akeso.worlds.simulation.releases import Releases
from akeso.worlds.simulation.requests import Requests
from akeso.worlds.simulation.resources import Resources
from akeso.worlds.simulation.response import Response, respond
from akeso.worlds.simulation.rollout import Rollouts
from akeso.worlds.simulation.scaling import Scaling
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import fresh
from akeso.worlds.simulation.stores import Stores
from akeso.worlds.simulation.streams import Streams
from akeso.worlds.simulation.users import Users
from akeso.worlds.simulation.visitors import Visitors

_SETTLES = 40


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session of a database that others wait for. conditions: end with it."""

    pid: int
    application: str
    query: str
    since_s: float
    conditions: tuple[int, ...]


class Simulation:
    """The rows of an estate in time. start: ns since the epoch."""

    def __init__(self, estate: Estate, seed: int, start: int, trace_share: float) -> None:
        self.layout = compile_estate(estate)
        self.streams = Streams(seed)
        self.state = fresh(self.layout)
        self.settings = Settings(self.layout, self.state)
        self.life = Lifecycle(self.layout, self.state, self.settings, self.streams, start)
        self.rollouts = Rollouts(self.life)
        self.releases = Releases(self.life, self.rollouts)
        self.blockers: dict[str, Blocker] = {}
        self.automation: dict[
            tuple[str, str], tuple[int, ...]
        ] = {}  # (service, what a webhook can do) → what that ends
        self.scaling = Scaling(self.life, self.settings)
        self.jobs = Jobs(self.life)
        self.queues = Queues(self.layout)
        self.users = Users(self.layout)
        self._still = Still.of(self.layout)
        self._resources = Resources(self.layout, self._still)
        outside = np.array([self.layout.services[s].kind is ServiceKind.THIRD_PARTY for s in self.layout.service_of])
        self._machines = Machines(self.layout, outside)
        self._stores = Stores(self.layout)
        self._visitors = Visitors(self.layout)
        self._requests = Requests(self.layout)
        self._logs = Logs(self.layout)
        self._lost: dict[tuple[str, str], Outage] = {}
        self._ticks = 0
        self.leg_rates: Floats = np.zeros(len(self.layout.leg_origin))  # calls a second of each leg, just now
        self._response: Response | None = None
        self.start = start
        self.trace_share = trace_share
        self._settle()

    @property
    def now(self) -> int:
        """The end of the last tick, ns."""
        return self.start + self._ticks * NANOSECONDS

    def tick(self) -> Observation:
        """One second more."""
        begin, second = self.now, (self.start / NANOSECONDS) + self._ticks
        self.life.now_s = float(self._ticks)
        self.jobs.step(second)
        self.scaling.step()
        self.rollouts.step()
        full = self._machines.too_full(self.state, self.settings)
        self.life.step(float(self._ticks), {*self._resources.too_big(self.state), *full})
        self.settings.resolve()
        random = self.streams.tick(self._ticks)
        demand = self._visitors.come(second, random)
        here, response, load = self._flow(demand)
        seen = self._observe(begin, here, response, load)
        self._ticks += 1
        return seen

    def say(self, happening: Happening) -> None:
        """Let something be told in the next tick. An Outage takes effect."""
        if isinstance(happening, Outage):
            key = (happening.scope, happening.name)
            if happening.lost:
                self._lost[key] = happening
            else:
                self._lost.pop(key, None)
        self.life.said.append(happening)

    def _flow(self, demand: Floats) -> tuple[Reach, Response, Load]:
        layout, state, settings = self.layout, self.state, self.settings
        demand = demand * settings[Knob.SURGE] * self.jobs.working()
        if len(self.queues.sources):
            demand[self.queues.sources] = self.queues.pull(state, settings)
        here = reach(layout, self._still, state, settings, self.life.now_s)
        response = respond(layout, state, settings, here, self._response)
        self._response = response
        load = descend(layout, state, here, response, demand)
        self.leg_rates = load.leg
        strain(layout, self._still, state, settings, response, load)
        pool(layout, state, settings, response, load)
        return here, response, load

    def _settle(self) -> None:
        """Let load, waiting and memory find their calm values, without chance and without being seen."""
        second = self.start / NANOSECONDS
        for _ in range(_SETTLES):
            self.settings.resolve()
            here, response, load = self._flow(self._visitors.expected(second))
            columns = self._resources.step(self.state, self.settings, load)
            self._machines.step(self.state, self.settings, columns)
            self._stores.step(self.state, self.settings, here)
            self.queues.step(self.state, self.settings, response, load)
        self.users.promise(response)
        self.life.said.clear()

    def _observe(self, begin: int, here: Reach, response: Response, load: Load) -> Observation:
        layout, state, settings = self.layout, self.state, self.settings
        chance = chances(layout, settings, here, response)
        calls = draw_calls(layout, here, response, chance, load, self.streams.tick(self._ticks, 1))
        random = self.streams.tick(self._ticks, 2)
        parts = (here, response, chance)
        drawn = self._requests.draw(begin, self.trace_share, load.leg, parts, random)
        instances = self._resources.step(state, settings, load)
        self.users.step(calls)
        instances_heard, nodes_heard = self._heard()
        seen = Observation(
            start=begin,
            end=begin + NANOSECONDS,
            census=self.life.registry.census,
            calls=calls,
            instances=instances,
            pools=self._pools(here),
            stores=self._stores.step(state, settings, here),
            queues=self.queues.step(state, settings, response, load),
            nodes=self._machines.step(state, settings, instances),
            requests=drawn,
            happenings=(),
            thrown=settings.thrown,
            heard_instances=instances_heard,
            heard_nodes=nodes_heard,
        )
        lines = [*self._logs.of_calls(seen, random), *self._logs.of_requests(seen)]
        return replace(seen, happenings=self._told(lines))

    def _told(self, lines: Iterable[Happening]) -> tuple[Happening, ...]:
        said = [*self.life.said, *lines]
        self.life.said.clear()
        return tuple(sorted(said, key=lambda one: one.at))

    def _pools(self, here: Reach) -> PoolColumns:
        layout, state = self.layout, self.state
        size = layout.pool_size * self.settings[Knob.POOL]
        up = state.status[layout.pool_instance] == UP
        used = np.minimum(state.pool_use + state.pool_lost, size) * up
        held = np.minimum(np.maximum(used, 3.0), size) * up
        over = state.pool_use / np.maximum(state.pool_use + 0.5, size - state.pool_lost)
        rate = np.where(state.pool_failing > 0, state.arrivals[layout.pool_instance] * state.pool_failing, 0.0)
        return PoolColumns(
            used=used,
            idle=held - used,
            size=size,
            pending=np.where(here.pools_wait, state.pool_wait_ms / 1000 * state.arrivals[layout.pool_instance], 0.0)
            * up,
            wait_ms=state.pool_wait_ms + np.where(over > 0.9, 2.0, 0.0),
            timeouts=np.round(rate).astype(np.int64),
        )

    def _heard(self) -> tuple[Mask, Mask]:
        layout = self.layout
        nodes = self.settings[Knob.NODE_GONE] == 0
        instances = nodes[layout.node_of]
        for (scope, name), outage in self._lost.items():
            if len(outage.signals) < len(ALL_SIGNALS):
                continue
            names = [node.name for node in layout.estate.nodes]
            if scope == "node":
                nodes = nodes & np.array([one != name for one in names])
                instances = instances & nodes[layout.node_of]
            elif scope == "service":
                instances = instances & (layout.service_of != layout.estate.row_of[name])
            else:
                nodes, instances = np.zeros_like(nodes), np.zeros_like(instances)
        return instances, nodes
