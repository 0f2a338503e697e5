"""Log records to features and to counts of patterns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Ids, LogBlock, SeriesKey
from akeso.domain.telemetry.rows import grown
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import LOG_ERROR_RATE, LOG_NEW_TEMPLATES, LOG_RATE
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.features.log_surprise import LogSurprise
from akeso.stages.features.metric_semantics import INSTANCE
from akeso.stages.features.sender_clocks import Sender, SenderClocks
from akeso.stages.features.slots import Arrival, FeatureOptions, Placing, Tally
from akeso.stages.templates.templates import TemplateMiner

ERROR = 17
_MOST_BLOCKS = 2_000
_RECORD = np.dtype([("writer", "i4"), ("pattern", "i4"), ("error", "?"), ("novel", "?"), ("slot", "i8")])


@dataclass(slots=True)
class Pattern:
    """Log records of a service that share a template, as they are known by now."""

    number: int
    tenant: str
    service: str
    template: str
    severity: int
    example: str


@dataclass(slots=True)
class _Writer:
    """A service that logs."""

    tenant: str
    service: str
    first: int
    newest: int
    miner: TemplateMiner
    patterns: dict[int, int]


class LogAligner:
    """Counts log records, errors (severity ≥ 17) and new templates per service and slot."""

    def __init__(self, table: SeriesTable, options: FeatureOptions, tally: Tally, clocks: SenderClocks) -> None:
        self._table, self._options, self._tally, self._clocks = table, options, tally, clocks
        self._placing = Placing(options, tally)
        self._novelty_after = duration_ns(options.novelty_after)
        self._forget = duration_ns(options.forget)
        self._slot_s = duration_ns(options.slot) / NANOSECONDS
        self._ids: dict[tuple[str, str], int] = {}
        self._writers: list[_Writer] = []
        self._patterns: dict[int, Pattern] = {}
        self._next_pattern = 0
        self._features = np.empty((3, 0), np.int32)
        self._blocks: dict[tuple[object, ...], None] = {}
        self._pending: list[NDArray[Any]] = []
        self._surprise = LogSurprise(table) if options.log_patterns else None

    def add(self, tenant: str, block: LogBlock, arrival: Arrival) -> Sequence[Pattern]:
        """Take in records of one service and tell the pattern of each; the very same block again is recognised as a
        repetition, of which nothing is told."""
        if self._is_repeated(tenant, block):
            self._tally.repeated += len(block)
            return ()
        sender = Sender(tenant, block.service, dict(block.attributes).get(INSTANCE, ""), "logs")
        offset = self._clocks.offset(sender, int(block.time.max(initial=0)), arrival.due)
        placed = self._placing.place(block.time, arrival, offset)
        number = self._writer(tenant, block.service, arrival.received)
        writer = self._writers[number]
        writer.newest = max(writer.newest, arrival.received)
        known = self._next_pattern
        rows = np.empty(len(block), _RECORD)
        rows["writer"] = number
        patterns = self._patterns_of(writer, block)
        rows["pattern"] = [pattern.number for pattern in patterns]
        rows["error"], rows["slot"] = block.severity >= ERROR, placed.time
        rows["novel"] = False
        if arrival.received - writer.first > self._novelty_after:
            _, first = np.unique(rows["pattern"], return_index=True)
            rows["novel"][first] = rows["pattern"][first] >= known
        self._pending.append(rows[placed.keep])
        if self._surprise is not None:
            self._surprise.read(number, rows["pattern"].tolist(), block.body)
        return patterns

    def close(self, end: int, *, deaf: bool) -> tuple[Ids, Floats, tuple[tuple[Pattern, int], ...]]:
        """Feature ids, values and pattern counts of the slot that ends at `end` (ns)."""
        rows = np.concatenate(self._pending) if self._pending else np.empty(0, _RECORD)
        due = rows["slot"] < end
        self._pending = [rows[~due]]
        rows = rows[due]
        size = len(self._writers)
        weights = (np.ones(len(rows)), rows["error"], rows["novel"])
        counts = np.stack([np.bincount(rows["writer"], weight, minlength=size) for weight in weights])
        known = np.array([not deaf and writer.newest > end - self._forget for writer in self._writers], np.bool_)
        numbers, seen = np.unique(rows["pattern"], return_counts=True)
        patterns = tuple(
            (self._patterns[number], count)
            for number, count in zip(numbers.tolist(), seen.tolist(), strict=True)
            if number in self._patterns
        )
        ids = self._features[:, :size][:, known].ravel()
        values = (counts[:, known] / self._slot_s).ravel()
        if self._surprise is not None:
            alive = np.isin(numbers, list(self._patterns))
            more, nats = self._surprise.close(numbers[alive], seen[alive].astype(np.int32), size, deaf=deaf)
            ids, values = np.append(ids, more[:, known]), np.append(values, nats[:, known])
        return ids, values, patterns

    def _is_repeated(self, tenant: str, block: LogBlock) -> bool:
        # Two posts of one same line within the resolution of its stamp are two events; a whole block is a retry.
        if len(block) < 2:
            return False
        identity = (tenant, block.service, len(block), int(block.time[0]), int(block.time[-1]), hash(block.body))
        if identity in self._blocks:
            return True
        if len(self._blocks) >= _MOST_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[identity] = None
        return False

    def _writer(self, tenant: str, service: str, received: int) -> int:
        found = self._ids.setdefault((tenant, service), len(self._writers))
        if found == len(self._writers):
            miner = TemplateMiner()
            self._writers.append(_Writer(tenant, service, received, received, miner, {}))
            self._features = grown(self._features, found + 1, -1)
            for row, metric in enumerate((LOG_RATE, LOG_ERROR_RATE, LOG_NEW_TEMPLATES)):
                self._features[row, found] = self._table.intern(SeriesKey(tenant, service, metric, unit="1/s"))
            if self._surprise is not None:
                self._surprise.open(found, tenant, service)
        return found

    def _patterns_of(self, writer: _Writer, block: LogBlock) -> list[Pattern]:
        numbers = writer.miner.learn_all(block.body)
        # What a record's pattern is told is the same for all that share number and severity.
        told: dict[int, Pattern] = {}
        for number, severity in dict.fromkeys(zip(numbers, block.severity.tolist(), strict=True)):
            pattern = told.get(number)
            if pattern is None:
                pattern = told[number] = self._pattern(writer, number, block.body, numbers)
            pattern.severity = max(pattern.severity, severity)
        self._forget_dropped(writer)
        return [told[number] for number in numbers]

    def _pattern(self, writer: _Writer, number: int, lines: Sequence[str], numbers: Sequence[int]) -> Pattern:
        """The pattern of a template by the number that it had among `numbers`, those of `lines`."""
        found = writer.patterns.get(number)
        if found is None:
            found = writer.patterns[number] = self._next_pattern
            self._next_pattern += 1
            example = lines[numbers.index(number)]
            self._patterns[found] = Pattern(found, writer.tenant, writer.service, "", 0, example)
        pattern = self._patterns[found]
        # Later lines may have joined it with another, or have crowded it out.
        current = writer.miner.current(number)
        if current is not None:
            pattern.template = writer.miner[current].text
        return pattern

    def _forget_dropped(self, writer: _Writer) -> None:
        if len(writer.patterns) < 2 * max(len(writer.miner), 64):
            return
        for number in [number for number in writer.patterns if number not in writer.miner]:
            dropped = writer.patterns.pop(number)
            del self._patterns[dropped]
            if self._surprise is not None:
                self._surprise.forget(dropped)
