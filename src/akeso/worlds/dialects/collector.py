"""How OTLP reaches Akeso: straight from each SDK, or through an OpenTelemetry Collector that batches.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and the collector's batch processor
https://github.com/open-telemetry/opentelemetry-collector/tree/main/processor/batchprocessor
"""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.otlp_json import as_json
from akeso.worlds.dialects.wire.protobuf import field

_COLLECTOR = "OpenTelemetry Collector Contrib/0.138.0 (linux/amd64)"
_AGENTS = {
    "python": "OTel-OTLP-Exporter-Python/1.38.0",
    "java": "OTel-OTLP-Exporter-Java/1.55.0",
    "go": "OTel OTLP Exporter Go/1.38.0",
    "node": "OTel-OTLP-Exporter-JavaScript/0.207.0",
    "dotnet": "OTel-OTLP-Exporter-Dotnet/1.13.1",
}


class ExportOptions(BaseModel):
    """through: `direct` is one request a process and export; `collector` merges. window_s, most: the batch processor's
    `timeout` and `send_batch_size`; encoding and compression as in the exporter's options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    through: Literal["direct", "collector"] = "collector"
    window_s: float = Field(default=0.2, gt=0)
    most: int = Field(default=8192, gt=0)
    encoding: Literal["protobuf", "json"] = "protobuf"
    compression: Literal["none", "gzip"] = "none"


@dataclass(frozen=True, slots=True)
class Export:
    """Telemetry of one resource. body: ResourceMetrics, ResourceSpans or ResourceLogs; items: points or records."""

    at: int
    sender: str
    runtime: str
    body: bytes
    items: int


class Exporter:
    """Sends one signal: `metrics`, `traces` or `logs`."""

    def __init__(self, signal: str, options: ExportOptions) -> None:
        self._signal, self._options, self._outbox = signal, options, Outbox()
        self._window = round(options.window_s * SECOND)
        self._waiting: dict[int, list[Export]] = {}

    def put(self, export: Export) -> None:
        """To be sent."""
        if self._options.through == "direct":
            self._outbox.put(self._request(export.at, export.sender, export.runtime, (export.body,)))
        else:
            self._waiting.setdefault(-(-export.at // self._window) * self._window, []).append(export)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        for end in sorted(end for end in self._waiting if end <= now):
            self._flush(end, self._waiting.pop(end))
        return self._outbox.due(now)

    def _flush(self, end: int, exports: list[Export]) -> None:
        held: list[bytes] = []
        items = 0
        for export in exports:
            held.append(export.body)
            items += export.items
            if items >= self._options.most:
                self._outbox.put(self._request(end, "otel-collector", "", held))
                held, items = [], 0
        if held:
            self._outbox.put(self._request(end, "otel-collector", "", held))

    def _request(self, at: int, sender: str, runtime: str, bodies: Iterable[bytes]) -> Delivery:
        body = b"".join(field(1, each) for each in bodies)
        headers = {"user-agent": _AGENTS.get(runtime, _COLLECTOR), "content-type": "application/x-protobuf"}
        if self._options.encoding == "json":
            body, headers["content-type"] = as_json(self._signal, body), "application/json"
        if self._options.compression == "gzip":
            body, headers["content-encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
        return Delivery(at, sender, f"/v1/{self._signal}", headers, body)
