"""The tally of a world: shared by all senders, so that each tick is counted once however many tell of it."""

from functools import cached_property

import numpy as np

from akeso.domain.telemetry.batches import Ids, Mask
from akeso.worlds.answers import Answer
from akeso.worlds.dialects.tally.grouping import Grouping, grouped
from akeso.worlds.dialects.tally.histograms import Histograms
from akeso.worlds.dialects.tally.lives import Lives
from akeso.worlds.dialects.tally.sums import Sums
from akeso.worlds.observation import Census, Observation

_INSTANCE = ("cpu_s", "throttled_s", "gc_s", "gc_count", "disk_read", "disk_written", "disk_busy", "net_in", "net_out")
_STORE = ("commits", "rollbacks", "deadlocks", "hits", "misses", "evictions")
_QUEUE = ("published", "delivered", "settled", "redelivered", "dead_lettered")
_NODE = ("cpu_cores", "disk_busy", "net_in", "net_out", "retransmitted")


class Tally:
    """Counts since each process began; sums of queues and nodes never begin anew. `latest` is the last tick. Links and
    endpoints of a world stay the same while it runs."""

    latest: Observation

    def __init__(self) -> None:
        self.instances, self.pools = Sums(_INSTANCE), Sums(("timeouts",))
        self.stores, self.queues, self.nodes = Sums(_STORE), Sums(_QUEUE), Sums(_NODE)
        self._at = -1
        self._mesh = False

    def take(self, observation: Observation) -> None:
        """Take in a tick; the same tick again changes nothing."""
        if observation.end <= self._at:
            return
        self._at, self.latest = observation.end, observation
        anew, pods = self.lives.take(observation)
        if anew.any():
            self._forget(anew, pods)
        self._count(observation)
        self.instances.add(observation.instances)
        self.pools.add(observation.pools)
        self.stores.add(observation.stores)
        self.queues.add(observation.queues)
        self.nodes.add(observation.nodes)

    def watch_mesh(self) -> None:
        """Count `arrived` as well. To be said before the first tick."""
        self._mesh = True

    @property
    def census(self) -> Census:
        """Who is there now."""
        return self.latest.census

    @property
    def now(self) -> int:
        """The end of the last tick, ns."""
        return self._at

    @cached_property
    def lives(self) -> Lives:
        """Of the processes in the instances' rows."""
        return Lives(len(self.census.instances))

    @cached_property
    def service_of(self) -> Ids:
        """int32[instances] rows of services."""
        return np.array([each.service for each in self.census.instances], np.int32)

    @cached_property
    def sending(self) -> Grouping:
        """Links by (caller instance, site)."""
        return grouped(self.census.link_caller, self.census.link_site)

    @cached_property
    def arriving(self) -> Grouping:
        """Links by (callee instance, caller service)."""
        caller = self.census.link_caller
        return grouped(self.census.link_callee, np.where(caller < 0, -1, self.service_of[caller]).astype(np.int32))

    @cached_property
    def served(self) -> Histograms:
        """Calls as the callee saw them, by endpoint."""
        return Histograms(np.array([each.instance for each in self.census.endpoints], np.int32))

    @cached_property
    def sent(self) -> Histograms:
        """Calls as the caller saw them, by the groups of `sending`."""
        return Histograms(self.sending.left)

    @cached_property
    def arrived(self) -> Histograms:
        """Calls as the callee's proxy saw them, by the groups of `arriving`."""
        return Histograms(self.arriving.left)

    def _forget(self, anew: Mask, pods: Mask) -> None:
        self.instances.forget(anew)
        self.pools.forget(anew[self.census.pool_instance])
        self.stores.forget(anew[self.latest.stores.instance])
        for owner in np.flatnonzero(anew).tolist():
            self.served.forget(owner)
            self.sent.forget(owner)
        for owner in np.flatnonzero(pods).tolist():
            self.arrived.forget(owner)

    def _count(self, observation: Observation) -> None:
        calls, census = observation.calls, observation.census
        self.sent.add(self.sending.of_link[calls.link], calls.seen, calls.latency_ms, calls.weight)
        came = calls.served != Answer.NEVER_ARRIVED
        link, served = calls.link[came], calls.served[came]
        server_ms, weight = calls.server_ms[came], calls.weight[came]
        self.served.add(census.link_endpoint[link], served, server_ms, weight)
        if self._mesh:
            self.arrived.add(self.arriving.of_link[link], served, server_ms, weight)
