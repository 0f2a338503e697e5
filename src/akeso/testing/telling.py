"""What senders of a world said, read by Akeso's own sources."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from akeso.domain.detection.anomaly import Alert
from akeso.domain.telemetry.batches import Change, LogBlock, SeriesKey, SpanBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.alertmanager import Alertmanager
from akeso.plugins.sources.change_events import ChangeEvents
from akeso.plugins.sources.cloud_events import CloudEvents
from akeso.plugins.sources.json_logs import JsonLogs
from akeso.plugins.sources.loki_push import LokiPush
from akeso.plugins.sources.otlp_logs import OtlpLogs
from akeso.plugins.sources.otlp_metrics import OtlpMetrics
from akeso.plugins.sources.otlp_traces import OtlpTraces
from akeso.plugins.sources.pagerduty_events import PagerdutyEvents
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.ports.source import IngestRequest, Intake, Source
from akeso.protocols.snappy import unsnap
from akeso.worlds.delivery import Delivery

_SOURCES: tuple[Any, ...] = (
    Alertmanager,
    ChangeEvents,
    CloudEvents,
    JsonLogs,
    LokiPush,
    OtlpLogs,
    OtlpMetrics,
    OtlpTraces,
    PagerdutyEvents,
    RemoteWrite,
)


@dataclass
class Heard:
    """Everything that came, by kind. points: (series, ns, value) in the order of arrival."""

    table: SeriesTable = field(default_factory=SeriesTable)
    intakes: list[Intake] = field(default_factory=list)

    @property
    def spans(self) -> list[SpanBlock]:
        return [block for intake in self.intakes for block in intake.batch.spans]

    @property
    def logs(self) -> list[LogBlock]:
        return [block for intake in self.intakes for block in intake.batch.logs]

    @property
    def changes(self) -> list[Change]:
        return [change for intake in self.intakes for change in intake.batch.changes]

    @property
    def alerts(self) -> list[Alert]:
        return [alert for intake in self.intakes for alert in intake.alerts]

    def points(self, metric: str) -> dict[SeriesKey, list[tuple[int, float]]]:
        """(ns, value) of each series of a metric."""
        found: dict[SeriesKey, list[tuple[int, float]]] = {}
        for series, at, value in self._rows():
            if self.table[series].metric == metric:
                found.setdefault(self.table[series], []).append((at, value))
        return found

    @property
    def metrics(self) -> set[str]:
        """The names of all metrics."""
        return {self.table[series].metric for series, _, _ in self._rows()}

    def _rows(self) -> Iterator[tuple[int, int, float]]:
        for intake in self.intakes:
            block = intake.batch.metrics
            yield from zip(block.series.tolist(), block.time.tolist(), block.value.tolist(), strict=True)


class Ear:
    """Sources that take in deliveries. Raises what they raise, and AssertionError for a partial success."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {path: each for each in (kind() for kind in _SOURCES) for path in each.paths}
        self.heard = Heard()

    def hear(self, deliveries: Iterable[Delivery]) -> None:
        """Take in what came."""
        for delivery in deliveries:
            headers = {name.lower(): value for name, value in delivery.headers.items()}
            body = _plain(delivery.body, headers.get("content-encoding", ""))
            request = IngestRequest(delivery.path, headers, body, "default", delivery.at)
            intake = self._sources[delivery.path.partition("?")[0]].decode(request, self.heard.table)
            assert intake.answer.status < 300, intake.answer.body
            assert b"artial" not in intake.answer.body, intake.answer.body
            if delivery.path.startswith("/v1/"):
                assert intake.answer.body in {b"", b"{}"}, intake.answer.body
            self.heard.intakes.append(intake)


def rises(values: Sequence[float]) -> bool:
    """Whether no value is below the one before it."""
    return bool((np.diff(values) >= 0).all())


def _plain(body: bytes, encoding: str) -> bytes:
    match encoding:
        case "gzip":
            return gzip.decompress(body)
        case "snappy":
            return unsnap(body)
        case _:
            return body
