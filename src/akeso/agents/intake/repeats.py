"""What was taken in lately, so that a push that is sent again, because its sender lost the answer, is stored once."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import compress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import LogBlock, Mask, SpanBlock, TelemetryBatch, Times
from akeso.ports.source import Intake

T = TypeVar("T")
Marks = NDArray[np.uint64]
# Tenant and author: what one sender said keeps nobody else from saying it.
Origin = tuple[str, str]

# Slots of each table; a mark is lost when the slots of both were taken by others.
_SLOTS = 2**20
# Of a push whose lines are looked at one by one. A larger one is known as a whole: a twentieth of what it costs to take
# lines in would go into telling each of them apart.
_MOST_LINES = 200


class RecentMarks:
    """Remembers about a million numbers, the newest for certain. 16 MiB, of which only what is used is taken."""

    def __init__(self, slots: int = _SLOTS) -> None:
        """slots: a power of two."""
        self._tables = np.zeros((2, slots), np.uint64)
        self._low = np.uint64(slots - 1)

    def seen(self, marks: Marks) -> Mask:
        """bool[n] which of n marks are remembered."""
        first, second = self._slots(marks)
        found: Mask = (self._tables[0][first] == marks) | (self._tables[1][second] == marks)
        return found

    def add(self, marks: Marks) -> None:
        """Remember marks."""
        for table, slots in zip(self._tables, self._slots(marks), strict=True):
            table[slots] = marks

    def _slots(self, marks: Marks) -> tuple[Marks, Marks]:
        return marks & self._low, (marks >> np.uint64(32)) & self._low


@dataclass(frozen=True, slots=True, eq=False)
class _Marked:
    """The marks of an intake's parts, one array a block, and which of them were not seen before."""

    whole: Marks
    logs: tuple[Marks, ...]
    spans: tuple[Marks, ...]
    changes: Marks
    alerts: Marks

    @property
    def all(self) -> Marks:
        """Of everything that has one."""
        marks = np.concatenate((self.whole, *self.logs, *self.spans, self.changes, self.alerts))
        known: Marks = marks[marks != 0]
        return known


class Repeats:
    """Tells what is new in what comes. Spans are known by their ids, requests and lines where their source says that
    they can be, events and alerts by the ids that it gives. repeated: items that came again and were left out."""

    def __init__(self, recent: RecentMarks | None = None) -> None:
        self.repeated = 0
        self._recent = recent or RecentMarks()
        self._under_way: dict[int, asyncio.Event] = {}

    @asynccontextmanager
    async def once(self, intake: Intake) -> AsyncIterator[Intake]:
        """The intake without what was taken in before. It counts as taken in when the block ends well; the same
        request that comes meanwhile waits for that."""
        marked = _marked(intake)
        marks = marked.all
        if not len(marks):
            yield intake
            return
        request = int(marks[0])
        while request in self._under_way:
            await self._under_way[request].wait()
        done = self._under_way[request] = asyncio.Event()
        try:
            yield self._fresh(intake, marked, marks)
            self._recent.add(marks)
        finally:
            del self._under_way[request]
            done.set()

    def remember(self, batch: TelemetryBatch) -> None:
        """What was taken in before the start."""
        for block in batch.logs if len(batch) <= _MOST_LINES else ():
            self._recent.add(_line_marks(_origin(batch), block))
        for spans in batch.spans:
            self._recent.add(_span_marks(_origin(batch), spans))

    def _fresh(self, intake: Intake, marked: _Marked, marks: Marks) -> Intake:
        if self._recent.seen(marked.whole).any():
            self.repeated += len(intake.batch) + len(intake.alerts)
            return replace(intake, batch=TelemetryBatch(intake.batch.tenant, intake.batch.received_at), alerts=())
        if not self._recent.seen(marks).any():
            return intake
        batch, before = intake.batch, len(intake.batch) + len(intake.alerts)
        logs = (block.where(self._new(mine)) for block, mine in zip(batch.logs, marked.logs, strict=True))
        spans = (block.where(self._new(mine)) for block, mine in zip(batch.spans, marked.spans, strict=True))
        kept = replace(
            batch,
            logs=tuple(block for block in logs if len(block)),
            spans=tuple(block for block in spans if len(block)),
            changes=self._kept(batch.changes, marked.changes),
        )
        alerts = self._kept(intake.alerts, marked.alerts)
        self.repeated += before - len(kept) - len(alerts)
        return replace(intake, batch=kept, alerts=alerts)

    def _new(self, marks: Marks) -> Mask:
        fresh: Mask = (marks == 0) | ~self._recent.seen(marks)
        return fresh

    def _kept(self, items: Sequence[T], marks: Marks) -> tuple[T, ...]:
        return tuple(compress(items, self._new(marks).tolist()))


def _marked(intake: Intake) -> _Marked:
    batch, identity = intake.batch, intake.identity
    # What has no time of its own is stamped with its arrival, and the same again may be news.
    told_once = identity.request and not any((times == batch.received_at).any() for times in _times(batch))
    whole = np.array([hash((_origin(batch), identity.request))] if told_once else (), np.int64).astype(np.uint64)
    by_line = identity.lines and len(batch) <= _MOST_LINES
    logs = tuple(
        _line_marks(_origin(batch), block) if by_line else np.full(len(block), mark, np.uint64)
        for block, mark in zip(batch.logs, _named(batch, identity.logs, len(batch.logs)), strict=True)
    )
    spans = tuple(_span_marks(_origin(batch), block) for block in batch.spans)
    changes = _named(batch, identity.changes, len(batch.changes))
    return _Marked(whole, logs, spans, changes, _named(batch, identity.alerts, len(intake.alerts)))


def _origin(batch: TelemetryBatch) -> Origin:
    return batch.tenant, batch.author


def _times(batch: TelemetryBatch) -> Iterator[Times]:
    yield batch.metrics.time
    yield from (block.time for block in batch.logs)


def _named(batch: TelemetryBatch, names: Iterable[str], length: int) -> Marks:
    """Of items that have names, 0 for each where they have none."""
    marks = np.array([hash((_origin(batch), name)) for name in names], np.int64).astype(np.uint64)
    return marks if len(marks) else np.zeros(length, np.uint64)


def _span_marks(sender: Origin, block: SpanBlock) -> Marks:
    # A client and a server may share an id (Zipkin), so the service and the kind count as well.
    origin = np.uint64(hash((sender, block.service)) & 0xFFFFFFFFFFFFFFFF)
    return _mixed(_mixed(block.trace + origin) ^ block.span ^ block.kind)


def _line_marks(sender: Origin, block: LogBlock) -> Marks:
    origin = np.uint64(hash((sender, block.service, block.attributes)) & 0xFFFFFFFFFFFFFFFF)
    lines = np.array(list(map(hash, block.body)), np.int64).astype(np.uint64)
    return _mixed(_mixed(block.time.astype(np.uint64) + origin) ^ lines)


def _mixed(values: Marks) -> Marks:
    """SplitMix64's finalizer (Steele, Lea & Flood 2014): every bit depends on all."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (values ^ (values >> np.uint64(31))) | np.uint64(1)
