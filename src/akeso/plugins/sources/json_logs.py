"""Log lines as JSON: one object a line, or an array of objects."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import LogBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import nanoseconds
from akeso.protocols.json_body import accept_json, parse_json, refuse_json
from akeso.protocols.otlp.signals import low_halves
from akeso.protocols.severity import severity_number

_WIDTHS = frozenset({0, 8, 16})


class _Line(msgspec.Struct, frozen=True):
    service: Annotated[str, Meta(min_length=1, max_length=256)]
    message: str
    timestamp: str | float | None = None
    level: str | Annotated[int, Meta(ge=0, le=24)] = ""
    trace_id: str = ""


class JsonLogs:
    """NDJSON or an array; a level is a name or an OpenTelemetry severity number, an unknown name is severity 0.

    A line that does not fit refuses the request and is named ("line 3: level"), counted from 1; so is an array's
    item ("[2].level"), counted from 0.
    """

    name = "json_logs"
    paths = ("/api/v1/logs",)

    def __init__(self) -> None:
        self._line = msgspec.json.Decoder(_Line)
        self._array = msgspec.json.Decoder(list[_Line])

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        lines, places = self._lines(request.body)
        groups: dict[str, list[int]] = {}
        for index, line in enumerate(lines):
            groups.setdefault(line.service, []).append(index)
        logs = tuple(
            _block(service, [lines[i] for i in chosen], [places[i] for i in chosen], request.received_at)
            for service, chosen in groups.items()
        )
        answer = accept_json({"status": "accepted", "accepted": len(lines)}, 202)
        return Intake(TelemetryBatch(request.tenant, request.received_at, logs=logs), answer)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the line and the field."""
        del request
        return refuse_json(error, status)

    def _lines(self, body: bytes) -> tuple[Sequence[_Line], Sequence[str]]:
        if body.lstrip()[:1] == b"[":
            found = parse_json(self._array, body)
            return found, [f"[{index}]." for index in range(len(found))]
        numbered = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
        return [self._parsed(number, line) for number, line in numbered], [f"line {number}: " for number, _ in numbered]

    def _parsed(self, number: int, line: bytes) -> _Line:
        try:
            return parse_json(self._line, line)
        except InvalidInput as bad:
            raise InvalidInput(f"line {number}: {bad.field}", bad.reason) from bad


def _block(service: str, lines: Sequence[_Line], places: Sequence[str], received_at: int) -> LogBlock:
    times = [
        received_at if line.timestamp is None else nanoseconds(line.timestamp, f"{place}timestamp")
        for line, place in zip(lines, places, strict=True)
    ]
    levels = [severity_number(line.level) if isinstance(line.level, str) else line.level for line in lines]
    ids = [_trace(line, place) for line, place in zip(lines, places, strict=True)]
    trace = low_halves(ids, _WIDTHS, "trace_id")
    body = tuple(line.message for line in lines)
    return LogBlock(service, np.array(times, np.int64), np.array(levels, np.uint8), body, trace)


def _trace(line: _Line, place: str) -> bytes:
    try:
        found = bytes.fromhex(line.trace_id)
    except ValueError as bad:
        raise InvalidInput(f"{place}trace_id", "is not hexadecimal") from bad
    if len(found) not in _WIDTHS:
        raise InvalidInput(f"{place}trace_id", "has to be 8 or 16 bytes long")
    return found
