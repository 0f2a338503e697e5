"""Graphite's plain text: `path value timestamp`. https://graphite.readthedocs.io/en/stable/feeding-carbon.html"""

import math

import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import MetricBlock, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.dotted_names import dotted_key, lines_in
from akeso.protocols.instant import nanoseconds
from akeso.protocols.json_body import refuse_json
from akeso.protocols.json_items import accept_items
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.rejections import Rejections
from akeso.protocols.series_limit import sift_series


class Graphite:
    """Levels, with tags (`path;name=value`) as attributes.

    The service is named by a tag, else by the part of the path at `service_segment` (from 0). service_labels: the tags
    that may name it, the first that is there decides. A timestamp of -1 is the arrival.
    """

    name = "graphite"
    paths = ("/api/v1/graphite",)
    plain_text = True

    def __init__(self, service_segment: int = 0, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._segment, self._service_labels = service_segment, tuple(service_labels)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        rejections = Rejections()
        rows = rejections.sift(lines_in(request.body), lambda line: self._row(line, request))
        told = MetricBlock(
            table.intern_all(key for key, _, _ in rows),
            np.array([at for _, at, _ in rows], np.int64),
            np.array([value for _, _, value in rows], np.float64),
        )
        rejections.check(len(told))
        block = sift_series(told, table, request.tenant, rejections)
        batch = TelemetryBatch(request.tenant, request.received_at, metrics=block)
        return accept_items(batch, rejections, len(batch))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the line."""
        del request
        return refuse_json(error, status)

    def _row(self, line: str, request: IngestRequest) -> tuple[SeriesKey, int, float]:
        words = line.split()
        if len(words) not in {2, 3}:
            raise InvalidInput("", "is not `path value timestamp`")
        try:
            value = float(words[1])
        except ValueError as bad:
            raise InvalidInput("value", f"{words[1][:40]!r} is no number") from bad
        if not math.isfinite(value):
            raise InvalidInput("value", "is not finite")
        stamp = words[2] if len(words) == 3 else "-1"
        at = request.received_at if stamp in {"-1", "N"} else nanoseconds(stamp, "timestamp")
        path, *tags = words[0].split(";")
        pairs = dict(tag.split("=", 1) for tag in tags if "=" in tag)
        return dotted_key(request.tenant, path, pairs, self._segment, self._service_labels), at, value
