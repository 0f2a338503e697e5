"""OpenTelemetry logs: records of SDKs' log bridges, or lines that a collector read from containers' files.

BatchLogRecordProcessor, 1 s: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
filelog receiver with its container parser:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/filelogreceiver
"""

from functools import cached_property
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from akeso.domain.telemetry.batches import Times
from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.collector import Export, Exporter, ExportOptions
from akeso.worlds.dialects.log_gathering import Gathered, gathered
from akeso.worlds.dialects.loggers import json_line, plain_line
from akeso.worlds.dialects.otel.resource import Resources, identity, kubernetes_resource
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.otlp import Value, any_value, attributes, resource, scope, scoped
from akeso.worlds.dialects.wire.protobuf import field, fixed64, number_field, text
from akeso.worlds.happening import Level
from akeso.worlds.observation import Observation

_SEVERITIES = {Level.DEBUG: 5, Level.INFO: 9, Level.WARN: 13, Level.ERROR: 17, Level.FATAL: 21}
_SAMPLED = b"\x45\x01\x00\x00\x00"  # field 8, fixed32
_MOST = 512


class LogOptions(BaseModel):
    """source: the SDK's bridge, or files, whose lines keep the logger's own format and whose severity nobody read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["sdk", "files"] = "sdk"
    lines: Literal["plain", "json"] = "plain"
    export: ExportOptions = ExportOptions()


class OtelLogs:
    """Log records of one group of services, batched by each process or collector."""

    name: ClassVar[str] = "otel_logs"
    Options: ClassVar[type[BaseModel]] = LogOptions
    default_every_s: ClassVar[float] = 1.0

    def __init__(self, assignment: Assignment, options: LogOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options = assignment, options
        self._exporter = Exporter("logs", options.export)
        self._every = round((assignment.every_s or self.default_every_s) * SECOND)
        self._resources = Resources(assignment.tally, old=False, enriched=options.export.through == "collector")
        self._waiting: dict[tuple[int, int], list[tuple[str, bytes]]] = {}

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for each in gathered(self._assignment, observation):
            row = each.line.instance
            phase = int(self._phase[row])
            leave = phase - (phase - each.line.at) // self._every * self._every
            told = (each.line.logger, self._record(each)) if self._options.source == "sdk" else ("", self._entry(each))
            self._waiting.setdefault((leave, row), []).append(told)
        for leave, row in sorted(key for key in self._waiting if key[0] <= observation.end):
            self._export(leave, row, self._waiting.pop((leave, row)))

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._exporter.due(now)

    @cached_property
    def _phase(self) -> Times:
        count = len(self._assignment.tally.census.instances)
        phase: Times = self._assignment.start + self._assignment.random.integers(0, self._every, count)
        return phase

    def _export(self, at: int, row: int, records: list[tuple[str, bytes]]) -> None:
        census = self._assignment.tally.census
        instance = census.instances[row]
        runtime = census.services[instance.service].runtime.value
        for first in range(0, len(records), _MOST):
            some = records[first : first + _MOST]
            by_logger: dict[str, list[bytes]] = {}
            for logger, record in some:
                by_logger.setdefault(logger, []).append(record)
            body = self._origin(row) + b"".join(scoped(scope(name), each) for name, each in by_logger.items())
            self._exporter.put(Export(at, instance.name, runtime, body, len(some)))

    def _origin(self, row: int) -> bytes:
        if self._options.source == "sdk":
            return self._resources.of(row)
        tally = self._assignment.tally
        instance = tally.census.instances[row]
        service = tally.census.services[instance.service]
        if not service.alone:
            return resource(kubernetes_resource(tally, row) | {"service.name": service.name})
        return resource({"host.name": tally.census.estate.nodes[instance.node].name, "service.name": service.name})

    def _record(self, each: Gathered) -> bytes:
        line = each.line
        pairs: dict[str, Value] = dict(line.fields)
        if line.thrown is not None:
            pairs |= {"exception.type": line.thrown.type, "exception.message": line.thrown.message}
            pairs |= {"exception.stacktrace": line.thrown.stack} if line.thrown.stack else {}
        head = fixed64(1, each.at) + number_field(2, _SEVERITIES[line.level]) + text(3, line.level.upper())
        context = (_SAMPLED + field(9, each.trace) + field(10, each.span)) if each.trace and each.span else b""
        body = head + field(5, any_value(line.message)) + attributes(6, pairs) + context
        return field(2, body + fixed64(11, each.at + 40_000))

    def _entry(self, each: Gathered) -> bytes:
        tally = self._assignment.tally
        instance = tally.census.instances[each.line.instance]
        service = tally.census.services[instance.service]
        written = each.written(service.name, instance.name)
        format_line = json_line if self._options.lines == "json" else plain_line
        path = f"/var/log/pods/{service.namespace}_{instance.name}_{identity(instance.uid)}/{service.name}/0.log"
        pairs = {"log.file.path": path, "log.iostream": "stdout", "logtag": "F"}
        body = fixed64(1, each.line.at) + field(5, any_value(format_line(service.runtime, written)))
        return field(2, body + attributes(6, pairs) + fixed64(11, each.line.at + 200_000_000))
