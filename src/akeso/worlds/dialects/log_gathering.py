"""Which lines of a tick a sender takes, and what it knows of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.identifiers import server_spans, trace_ids
from akeso.worlds.dialects.loggers import Written
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.happening import Line
from akeso.worlds.observation import Observation


@dataclass(frozen=True, slots=True)
class Gathered:
    """A line with its context. trace: 16 bytes and span: 8, or none."""

    line: Line
    at: int
    trace: bytes
    span: bytes

    def written(self, service: str, host: str) -> Written:
        """For a logger."""
        return Written(self.line, self.at, service, host, self.trace.hex(), self.span.hex())


def gathered(assignment: Assignment, observation: Observation) -> Iterator[Gathered]:
    """The lines of an assignment's services that get out. Their clock is their process's."""
    census, heard = observation.census, observation.heard_instances
    for happening in observation.happenings:
        if not isinstance(happening, Line) or not heard[happening.instance]:
            continue
        service = census.instances[happening.instance].service
        if service not in assignment.services or census.services[service].kind is ServiceKind.THIRD_PARTY:
            continue
        ahead = round(float(observation.instances.clock_skew_s[happening.instance]) * 1e9)
        yield Gathered(happening, happening.at + ahead, *_context(assignment, happening))


def _context(assignment: Assignment, line: Line) -> tuple[bytes, bytes]:
    if not line.trace:
        return b"", b""
    trace = trace_ids(np.array([line.trace], np.uint64), assignment.seed)[0]
    span = server_spans(np.array([line.span], np.uint64)).astype(">u8").tobytes() if line.span else b""
    return trace, span
