"""Stored log records to templates with their parameters and some samples."""

import re
from collections import deque
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import re2

from akeso.domain.telemetry.batches import Kind, LogBlock, TelemetryBatch
from akeso.domain.telemetry.query import LogGroup, LogSample, LogSelector, Range
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import Needs
from akeso.stages.templates.masking import WILDCARD
from akeso.stages.templates.templates import TemplateMiner

# Records of a template that its parameters are read from, and values told of each.
_LOOKED_AT, _VALUES = 20, 10


@dataclass(slots=True)
class _Group:
    first: int
    last: int
    severity: int = 0
    count: int = 0
    samples: deque[LogSample] = field(default_factory=lambda: deque(maxlen=_LOOKED_AT))


class LogQuery:
    """Finds the templates of what is asked for. Lines are not kept, so its memory does not grow with their number."""

    def __init__(self, selector: LogSelector, over: Range) -> None:
        self._selector, self._over = selector, over
        self._text = selector.text.lower()
        self._miners: dict[str, TemplateMiner] = {}
        self._groups: dict[tuple[str, int], _Group] = {}

    @property
    def needs(self) -> Needs:
        """See akeso.ports.telemetry_store.TelemetryQuery."""
        return Needs(self._selector.tenant, Kind.LOGS, self._over.start, self._over.end)

    def add(self, batch: TelemetryBatch, table: SeriesTable) -> None:
        """Take a batch in."""
        del table
        for block in batch.logs:
            if batch.tenant == self._selector.tenant and self._selector.service in {"", block.service}:
                self._add(block)

    def result(self, table: SeriesTable) -> tuple[LogGroup, ...]:
        """The templates, the most frequent first."""
        del table
        merged: dict[tuple[str, int], _Group] = {}
        for (service, number), group in self._groups.items():
            current = self._miners[service].current(number)
            if current is not None:
                merged[service, current] = _joined(merged.get((service, current)), group)
        ranked = sorted(merged.items(), key=lambda item: (-item[1].count, item[0]))
        return tuple(self._declared(service, number, group) for (service, number), group in ranked)

    def _add(self, block: LogBlock) -> None:
        miner = self._miners.setdefault(block.service, TemplateMiner())
        chosen = (block.time > self._over.start) & (block.time <= self._over.end)
        chosen &= block.severity >= self._selector.severity
        attributes = MappingProxyType(dict(block.attributes))
        for place in np.flatnonzero(chosen).tolist():
            line = block.body[place]
            if self._text and self._text not in line.lower():
                continue
            at, severity = int(block.time[place]), int(block.severity[place])
            group = self._groups.setdefault((block.service, miner.learn(line)), _Group(at, at))
            group.first, group.last = min(group.first, at), max(group.last, at)
            group.severity, group.count = max(group.severity, severity), group.count + 1
            group.samples.append(LogSample(at, severity, line, int(block.trace[place]), attributes))

    def _declared(self, service: str, number: int, group: _Group) -> LogGroup:
        template = self._miners[service][number].text
        newest = sorted(group.samples, key=lambda sample: -sample.at)
        return LogGroup(
            service,
            template,
            group.severity,
            group.count,
            group.first,
            group.last,
            parameters(template, [sample.body for sample in newest]),
            tuple(newest[: self._selector.samples]),
        )


def parameters(template: str, lines: list[str]) -> tuple[tuple[str, ...], ...]:
    """For each variable place of a template the values that lines have there, each once, in the order of the lines."""
    parts = template.split(WILDCARD)
    gaps = [r"\s*".join(map(re.escape, part.split())) for part in parts]
    # Of senders' lines: with an engine that goes back, a line of blanks would take for ever.
    pattern = re2.compile(r"(?s)\s*" + r"\s*(.+?)\s*".join(gaps) + r"\s*")
    found: list[dict[str, None]] = [{} for _ in parts[1:]]
    for line in lines:
        matched = pattern.fullmatch(line)
        for values, value in zip(found, matched.groups() if matched else (), strict=False):
            if len(values) < _VALUES:
                values[value] = None
    return tuple(map(tuple, found))


def _joined(one: _Group | None, other: _Group) -> _Group:
    if one is None:
        return other
    samples = deque(sorted((*one.samples, *other.samples), key=lambda sample: sample.at), maxlen=_LOOKED_AT)
    first, last = min(one.first, other.first), max(one.last, other.last)
    return _Group(first, last, max(one.severity, other.severity), one.count + other.count, samples)
