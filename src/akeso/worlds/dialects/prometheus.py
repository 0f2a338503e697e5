"""A Prometheus server: scrapes its targets, and sends what it has by remote write or keeps it to be asked.

Scraping: https://prometheus.io/docs/concepts/jobs_instances/; staleness:
https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness; remote write's queue (2,000 samples or 5 s):
https://prometheus.io/docs/practices/remote_write/
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.scraping.scraper import Scraper
from akeso.worlds.dialects.scraping.store import Store
from akeso.worlds.dialects.wire.remote_write import FirstVersion, Samples, SecondVersion, metadata
from akeso.worlds.observation import Observation

_METADATA_EVERY = 60 * SECOND


class PrometheusOptions(BaseModel):
    """version: of remote write; push: send by remote write; kept_s: how long it can be asked for (0: not at all);
    pages: names of expositions, all that fit when empty; most, deadline_s: `max_samples_per_send` and
    `batch_send_deadline`; external: `external_labels`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1, 2] = 1
    push: bool = True
    kept_s: float = Field(default=0.0, ge=0)
    pages: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    most: int = Field(default=2_000, gt=0)
    deadline_s: float = Field(default=5.0, gt=0)
    external: Mapping[str, str] = {}


class Prometheus:
    """One server for all its targets, each scraped at its own offset."""

    name: ClassVar[str] = "prometheus"
    Options: ClassVar[type[BaseModel]] = PrometheusOptions
    default_every_s: ClassVar[float] = 15.0

    def __init__(self, assignment: Assignment, options: PrometheusOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options, self._outbox = assignment, options, Outbox()
        every = assignment.every_s or self.default_every_s
        external = tuple(options.external.items())
        self._scraper = Scraper(assignment, every, external, options.pages, options.without)
        self.store = Store(options.kept_s)
        self._first, self._second = FirstVersion(), SecondVersion()
        self._queue: list[Samples] = []
        self._deadline = round(options.deadline_s * SECOND)
        self._next = assignment.start + int(assignment.random.integers(1, self._deadline))
        self._next_metadata = self._next

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        if not observation.heard_instances.any() and not observation.heard_nodes.any():
            return  # the server itself is gone
        for samples in self._scraper.scrape(observation.end):
            self.store.keep(samples)
            if self._options.push:
                self._push(samples)
        self.store.forget(observation.end)
        while self._next <= observation.end:
            self._send(self._next)
            self._next += self._deadline
        if self._options.push and self._options.version == 1:
            self._tell_metadata(observation.end)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)

    def _push(self, samples: Samples) -> None:
        self._queue.append(samples)
        if sum(map(len, self._queue)) >= self._options.most:
            self._send(samples.at * 1_000_000 + SECOND // 20)

    def _send(self, at: int) -> None:
        for batch in _batches(self._queue, self._options.most):
            if self._options.version == 1:
                self._put(at, self._first.request(batch))
            else:
                self._put(at, self._second.request(batch))
        self._queue = []

    def _tell_metadata(self, now: int) -> None:
        while self._next_metadata <= now:
            if self._scraper.families:
                self._put(self._next_metadata, metadata(self._scraper.families))
            self._next_metadata += _METADATA_EVERY

    def _put(self, at: int, body: bytes) -> None:
        told, media = "0.1.0", "application/x-protobuf"
        if self._options.version == 2:
            told, media = "2.0.0", "application/x-protobuf;proto=io.prometheus.write.v2.Request"
        headers = {
            "content-encoding": "snappy",
            "content-type": media,
            "user-agent": "Prometheus/3.5.0",
            "x-prometheus-remote-write-version": told,
        }
        self._outbox.put(Delivery(at, "prometheus", "/api/v1/write", headers, body))


def _batches(queue: list[Samples], most: int) -> Iterator[list[Samples]]:
    batch: list[Samples] = []
    room = most
    for samples in queue:
        first = 0
        while first < len(samples):
            part = samples.part(first, first + room)
            batch.append(part)
            first, room = first + len(part), room - len(part)
            if not room:
                yield batch
                batch, room = [], most
    if batch:
        yield batch
