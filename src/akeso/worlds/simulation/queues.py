"""Queues: what waits in them, who takes it, what comes back."""

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import UP, QueueColumns
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.load import Load
from akeso.worlds.simulation.response import Response
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

_KEEPS = 0.95
_TRIES = 4


class Queues:
    """One row a topic. Messages that fail come back; after some tries they are set aside for good."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        brokers = [s for s in layout.services if s.kind is ServiceKind.QUEUE]
        self.topics = tuple((s.name, o.name) for s in brokers for o in s.operations)
        row = {topic: i for i, topic in enumerate(self.topics)}
        self._service = np.array([layout.estate.row_of[s] for s, _ in self.topics], np.int32)
        names = [(layout.services[layout.service_of[e.instance]].name, e.operation) for e in layout.endpoints]
        self._topic_of_endpoint = np.array([row.get(name, -1) for name in names], np.int32)
        taken = [(i, s) for i, s in enumerate(layout.sources) if s.queue is not None]
        self._source = np.array([i for i, _ in taken], np.int32)
        self._topic_of_source = np.array([row[s.queue] for _, s in taken if s.queue is not None], np.int32)
        begins = {int(origin): leg for leg, origin in enumerate(layout.leg_origin)}
        self._leg = np.array([begins[len(layout.instance_of) + i] for i, _ in taken], np.int32)
        self._workers = [layout.rows(s.service) for _, s in taken]
        count = len(self.topics)
        self.depth, self.parked, self.unacked, self.stuck = (np.zeros(count) for _ in range(4))
        self._inflow = np.full(count, 0.01)
        self._pulled = np.zeros(len(taken))

    def pull(self, state: State, settings: Settings) -> Floats:
        """Messages a second that each consuming source takes, float64 of the consumers."""
        if not len(self._source):
            return self._pulled
        able = np.where((state.status == UP) & (settings[Knob.IDLE] == 0), state.capacity, 0.0) * _KEEPS
        most = np.array([able[rows.start : rows.stop].sum() for rows in self._workers])
        there = self.depth[self._topic_of_source] + self._inflow[self._topic_of_source] * (most > 0)
        self._pulled = np.minimum(most, there)
        return self._pulled

    @property
    def sources(self) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Rows of the sources that `pull` speaks of."""
        return self._source

    def step(self, state: State, settings: Settings, response: Response, load: Load) -> QueueColumns:
        """One second on."""
        count = len(self.topics)
        kept = self._topic_of_endpoint >= 0
        published = _sum(self._topic_of_endpoint[kept], load.endpoint[kept], count)
        pulled = _sum(self._topic_of_source, self._pulled, count)
        lost = _sum(self._topic_of_source, self._pulled * response.leg_try_fails[self._leg], count)
        chance = lost / np.maximum(pulled, 1e-9)
        dead = lost * chance**_TRIES
        self._inflow = self._inflow + (published - self._inflow) / 10
        self.depth = np.maximum(self.depth + published + (lost - dead) - pulled, 0.0)
        consumers, idle = self._consumers(state, settings)
        self.unacked = np.minimum(pulled * 0.2 + self.stuck, 1e6)
        return QueueColumns(
            service=self._service,
            topic=tuple(topic for _, topic in self.topics),
            depth=self.depth.copy(),
            unacked=self.unacked.copy() + idle,
            oldest_s=self.depth / np.maximum(self._inflow, 0.01),
            published=published,
            delivered=pulled,
            settled=pulled - lost,
            redelivered=lost - dead,
            dead_lettered=dead,
            consumers=consumers,
        )

    def age(self, service: str) -> float:
        """How late the work of a consuming service is, s."""
        ages = [
            float(self.depth[topic] / max(self._inflow[topic], 0.01))
            for topic, source in zip(self._topic_of_source, self._source, strict=True)
            if self._layout.sources[source].service == service
        ]
        return max(ages, default=0.0)

    def rows(self, service: str) -> list[int]:
        """Topics of a broker, or those that a service consumes."""
        of = {s.queue for s in self._layout.sources if s.service == service}
        return [i for i, topic in enumerate(self.topics) if topic[0] == service or topic in of]

    def _consumers(self, state: State, settings: Settings) -> tuple[Floats, Floats]:
        up = (state.status == UP).astype(float)
        idle = up * (settings[Knob.IDLE] > 0)
        live = np.array([up[rows.start : rows.stop].sum() for rows in self._workers])
        lazy = np.array([idle[rows.start : rows.stop].sum() for rows in self._workers])
        count = len(self.topics)
        return _sum(self._topic_of_source, live, count), 10 * _sum(self._topic_of_source, lazy, count)


def _sum(rows: np.ndarray[tuple[int], np.dtype[np.int32]], values: Floats, count: int) -> Floats:
    return np.bincount(rows, values, count).astype(np.float64, copy=False)
