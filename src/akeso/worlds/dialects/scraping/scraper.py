"""Targets, each scraped by its own clock, with what the server says of every scrape."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Exposition, Key, Labels, Page, Target
from akeso.worlds.dialects.registry import expositions
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.remote_write import GAUGE, Head, Samples, head, stale

_SUFFIXES = ("_bucket", "_sum", "_count")
_TIMEOUT_S = 10.0
_REPORT = ("up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling")


@dataclass(slots=True)
class _Scraped:
    """A target and what is known of its series. next: ns of its next scrape."""

    target: Target
    exposition: Exposition
    next: int
    report: tuple[Head, ...]
    keys: list[Key] = field(default_factory=list)
    heads: tuple[Head, ...] = ()
    known: dict[Key, Head] = field(default_factory=dict)


class Scraper:
    """families: the types of all metric families that were seen. pages, without: names of expositions."""

    def __init__(
        self, assignment: Assignment, every_s: float, external: Labels, pages: tuple[str, ...], without: tuple[str, ...]
    ) -> None:
        self.families: dict[str, int] = {}
        self._assignment, self._external = assignment, external
        self._every = round(every_s * SECOND)
        kinds = [kind for kind in expositions() if (not pages or kind.name in pages) and kind.name not in without]
        self._expositions = [kind(assignment) for kind in kinds]
        self._targets: dict[str, _Scraped] = {}
        self._seen: tuple[int, bytes] = (-1, b"")

    def scrape(self, now: int) -> Iterator[Samples]:
        """What the scrapes up to `now` yield, ends of series included."""
        yield from self._discover(now)
        for scraped in self._targets.values():
            while scraped.next <= now:
                yield from self._one(scraped, scraped.next)
                scraped.next += self._every

    def _discover(self, now: int) -> Iterator[Samples]:
        latest = self._assignment.tally.latest
        seen = (latest.census.epoch, (latest.instances.status == 0).tobytes())
        if seen == self._seen:
            return
        self._seen = seen
        wanted = {target.key: (target, each) for each in self._expositions for target in each.targets()}
        for key in [key for key in self._targets if key not in wanted]:
            gone = self._targets.pop(key)
            yield stale((*gone.heads, *gone.report), now // 1_000_000)
        for key, (target, exposition) in wanted.items():
            if key not in self._targets:
                self._targets[key] = self._added(target, exposition, now)

    def _added(self, target: Target, exposition: Exposition, now: int) -> _Scraped:
        # As Prometheus spreads its scrapes: by a hash of the target, the same after every restart.
        offset = (crc32(f"{self._assignment.seed}/{target.key}".encode()) * 1_000_003) % self._every
        begun = now - SECOND
        first = begun + (offset - begun) % self._every
        labels = (*target.labels, *self._external)
        return _Scraped(target, exposition, first, tuple(head(name, GAUGE, labels) for name in _REPORT))

    def _one(self, scraped: _Scraped, at: int) -> Iterator[Samples]:
        stamp = at // 1_000_000
        if not scraped.exposition.answers(scraped.target):
            if scraped.heads:
                yield stale(scraped.heads, stamp)
                scraped.keys, scraped.heads = [], ()
            took = _TIMEOUT_S if self._hangs(scraped.target) else 4e-4
            yield Samples(scraped.report, np.array([0.0, took, 0.0, 0.0]), stamp)
            return
        page = Page()
        scraped.exposition.write(scraped.target, page)
        if page.keys != scraped.keys:
            yield from self._relabelled(scraped, page, stamp)
        yield Samples(scraped.heads, np.array(page.values, np.float64), stamp)
        count = float(len(page.keys))
        yield Samples(scraped.report, np.array([1.0, 0.002 + count * 8e-6, count, count]), stamp)

    def _hangs(self, target: Target) -> bool:
        return not target.of_node and bool(self._assignment.tally.latest.instances.status[target.row] == _HUNG)

    def _relabelled(self, scraped: _Scraped, page: Page, stamp: int) -> Iterator[Samples]:
        """Other series than before: heads for the new ones, ends for those that are gone."""
        now = set(page.keys)
        gone = tuple(scraped.known[key] for key in scraped.keys if key not in now)
        for key in page.keys:
            if key not in scraped.known:
                scraped.known[key] = self._head(key, scraped.target)
        scraped.keys = page.keys
        scraped.heads = tuple(scraped.known[key] for key in page.keys)
        if gone:
            yield stale(gone, stamp)

    def _head(self, key: Key, target: Target) -> Head:
        name, kind, labels = key
        family = next((name.removesuffix(each) for each in _SUFFIXES if kind in {3, 5} and name.endswith(each)), name)
        self.families[family] = kind
        told = dict(target.labels)
        own = dict(labels)
        if not target.honors:
            own = {(f"exported_{label}" if label in told else label): value for label, value in own.items()}
        return head(name, kind, (told | dict(self._external) | own).items())


_HUNG = 6
