"""Log lines as JSON: one object a line, or an array of objects."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import LogBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import nanoseconds
from akeso.protocols.json_body import parse_json, refuse_json
from akeso.protocols.json_items import JsonItems, accept_items
from akeso.protocols.loki.log_streams import trace_in
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_number, severity_of_level

_HIGHEST = 24
_DIGITS = frozenset({16, 32})


class _Line(msgspec.Struct, frozen=True):
    service: Annotated[str, Meta(min_length=1, max_length=256)]
    message: str
    timestamp: str | int | float | None = None
    level: Any = None
    severity: Any = None
    levelname: Any = None
    levelno: Any = None
    severity_text: Any = None
    severity_number: Any = None
    lineno: Any = None
    trace_id: Any = None


class JsonLogs:
    """NDJSON or an array; a level is a name, or a number of syslog, pino, bunyan, Python or OpenTelemetry; an unknown
    one is severity 0.

    A line that does not fit is left out and named in the answer ("line 3", counted from 1; an array's item as "[2]",
    counted from 0); a trace id that is none costs only itself.
    """

    name = "json_logs"
    paths = ("/api/v1/logs",)

    def __init__(self) -> None:
        self._line = msgspec.json.Decoder(_Line)
        self._array = JsonItems(_Line)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        lines, times = _timed(*self._lines(request.body, rejections), request.received_at, rejections)
        groups: dict[str, list[int]] = {}
        for index, line in enumerate(lines):
            groups.setdefault(line.service, []).append(index)
        logs = tuple(
            _block(service, [lines[i] for i in chosen], [times[i] for i in chosen], rejections)
            for service, chosen in groups.items()
        )
        batch = TelemetryBatch(request.tenant, request.received_at, logs=logs)
        rejections.check(len(batch))
        return accept_items(batch, rejections, len(batch))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the line and the field."""
        del request
        return refuse_json(error, status)

    def _lines(self, body: bytes, rejections: Rejections) -> tuple[Sequence[_Line], Sequence[str]]:
        """The lines that can be read, and where each stands."""
        if body.lstrip()[:1] == b"[":
            return self._array.decode_array(body, rejections)
        found, places = [], []
        for number, line in enumerate(body.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                found.append(parse_json(self._line, line))
            except InvalidInput as bad:
                rejections.reject(f"line {number}", bad)
            else:
                places.append(f"line {number}")
        return found, places


def _timed(
    lines: Sequence[_Line], places: Sequence[str], received_at: int, rejections: Rejections
) -> tuple[Sequence[_Line], list[int]]:
    """The lines that have a time that can be, and the times, ns."""
    try:
        return lines, [_time(line, received_at) for line in lines]
    except InvalidInput:
        told = zip(places, lines, strict=True)
        found = rejections.sift(told, lambda line: (line, _time(line, received_at)))
        return [line for line, _ in found], [at for _, at in found]


def _time(line: _Line, received_at: int) -> int:
    return received_at if line.timestamp is None else nanoseconds(line.timestamp, "timestamp")


def _level(line: _Line, rejections: Rejections) -> int:
    """Of a line whose level is no name."""
    number = line.severity_number
    if type(number) is int and 0 < number <= _HIGHEST:
        return number
    if named := next((name for name in (line.severity_text, line.levelname) if isinstance(name, str)), ""):
        return severity_number(named)
    told = next((each for each in (line.level, line.levelno, line.severity) if each is not None), None)
    if isinstance(told, str):
        return severity_number(told)
    if isinstance(told, int | float) and not isinstance(told, bool):
        return severity_of_level(told, python=line.levelno is not None or line.lineno is not None)
    if told is not None:
        rejections.omit("level")
    return 0


def _trace(told: Any, rejections: Rejections) -> int:
    """The low half of a trace id of 8 or 16 bytes, 0 for what is none. UUIDs and X-Ray's `1-<time>-<id>` are 16 bytes
    as well."""
    digits = told if isinstance(told, str) else ""
    if "-" in digits:
        digits = digits.removeprefix("1-").replace("-", "")
    if len(digits) in _DIGITS and (found := trace_in(digits)):
        return found
    rejections.omit("trace_id")
    return 0


def _block(service: str, lines: Sequence[_Line], times: Sequence[int], rejections: Rejections) -> LogBlock:
    levels = [
        severity_number(line.level) if isinstance(line.level, str) else _level(line, rejections) for line in lines
    ]
    traces = [_trace(line.trace_id, rejections) if line.trace_id else 0 for line in lines]
    body = tuple([line.message for line in lines])
    return LogBlock(service, np.array(times, np.int64), np.array(levels, np.uint8), body, np.array(traces, np.uint64))
