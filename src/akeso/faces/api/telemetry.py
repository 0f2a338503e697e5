"""REST for stored telemetry: metrics as matrices, log records as templates, spans as rates, errors and durations."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from akeso.domain.errors import InvalidInput
from akeso.domain.estate.access import Caller, Role
from akeso.domain.telemetry.batches import NANOSECONDS, Floats
from akeso.domain.telemetry.query import (
    LogGroup,
    LogSelector,
    MetricMatrix,
    MetricSelector,
    Range,
    SpanSelector,
)
from akeso.domain.telemetry.times import EPOCH, epoch_ns, rfc3339
from akeso.faces.api.access import require, system_of
from akeso.stages.query.log_query import LogQuery
from akeso.stages.query.metric_query import MetricQuery
from akeso.stages.query.patterns import matcher
from akeso.stages.query.span_query import SpanQuery

router = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]
# Steps of a range when none is asked for.
_STEPS = 120


class Asked(BaseModel):
    """A range of time; without a start the hour before its end, without an end until now. service: "" for all."""

    model_config = ConfigDict(extra="forbid")

    start: datetime | None = None
    end: datetime | None = None
    service: str = ""

    def over(self, now: datetime, step_s: float | None = None) -> Range:
        """Raises InvalidInput."""
        end = _utc(self.end or now)
        start = _utc(self.start) if self.start else end - timedelta(hours=1)
        first, last = _ns(start), _ns(end)
        step = round(step_s * NANOSECONDS) if step_s is not None else max((last - first) // _STEPS, NANOSECONDS)
        return Range(first, last, step)


class AskedMetrics(Asked):
    """match: conditions on attributes (`route=/x`, `!=`, `=~`, `!~`), all of which have to hold; step: in seconds."""

    metric: str = ""
    match: Annotated[list[str], Field(max_length=50)] = []
    step: float | None = Field(default=None, gt=0, lt=1e9)
    quantile: float | None = Field(default=None, ge=0, le=1)


class AskedLogs(Asked):
    """severity: the least, an OpenTelemetry number (9 info, 13 warning, 17 error); text: that a record holds."""

    severity: int = Field(default=0, ge=0, le=24)
    text: str = ""
    samples: int = Field(default=3, ge=0, le=20)
    limit: int = Field(default=100, ge=1, le=1000)


class AskedSpans(Asked):
    """peer: of calls to it."""

    operation: str = ""
    peer: str = ""


@router.get("/metrics")
async def query_metrics(request: Request, caller: Viewer, asked: Annotated[AskedMetrics, Query()]) -> dict[str, Any]:
    """Series as a matrix: the last level, the rate a second, or a histogram's quantile of each step."""
    system = system_of(request)
    matchers = tuple(map(matcher, asked.match))
    selector = MetricSelector(caller.tenant, asked.service, asked.metric, matchers, asked.quantile)
    over = asked.over(system.clock.now(), asked.step)
    return _range_view(over) | _matrix_view(await system.store.ask(MetricQuery(selector, over)))


@router.get("/logs")
async def query_logs(request: Request, caller: Viewer, asked: Annotated[AskedLogs, Query()]) -> dict[str, Any]:
    """Log records as templates, the most frequent first, with values of their variable places and newest samples."""
    system = system_of(request)
    over = asked.over(system.clock.now())
    selector = LogSelector(caller.tenant, asked.service, asked.severity, asked.text, asked.samples)
    found = await system.store.ask(LogQuery(selector, over))
    templates = [_log_view(group) for group in found[: asked.limit]]
    return _range_view(over) | {"records": sum(group.count for group in found), "templates": templates}


@router.get("/spans")
async def query_spans(request: Request, caller: Viewer, asked: Annotated[AskedSpans, Query()]) -> dict[str, Any]:
    """Rate, errors and durations by service, operation, role, and of calls by peer."""
    system = system_of(request)
    over = asked.over(system.clock.now())
    selector = SpanSelector(caller.tenant, asked.service, asked.operation, asked.peer)
    found = await system.store.ask(SpanQuery(selector, over))
    return _range_view(over) | {"groups": [asdict(group) for group in found]}


def _range_view(asked: Range) -> dict[str, Any]:
    return {"start": rfc3339(asked.start), "end": rfc3339(asked.end), "step_s": asked.step / NANOSECONDS}


def _matrix_view(matrix: MetricMatrix) -> dict[str, Any]:
    series = [
        {
            "service": key.service,
            "metric": key.metric,
            "attributes": dict(key.attributes),
            "unit": key.unit,
            "stat": key.stat,
            "values": _numbers(values),
        }
        for key, values in zip(matrix.keys, matrix.values, strict=True)
    ]
    return {"times": [rfc3339(time) for time in matrix.times.tolist()], "series": series}


def _numbers(values: Floats) -> list[float | None]:
    # JSON knows no NaN.
    return [None if isnan(value) else value for value in values.tolist()]


def _log_view(group: LogGroup) -> dict[str, Any]:
    return {
        "service": group.service,
        "template": group.template,
        "severity": group.severity,
        "count": group.count,
        "first": rfc3339(group.first),
        "last": rfc3339(group.last),
        "parameters": [list(values) for values in group.parameters],
        "samples": [
            {
                "at": rfc3339(sample.at),
                "severity": sample.severity,
                "body": sample.body,
                "trace": f"{sample.trace:016x}" if sample.trace else "",
                "attributes": dict(sample.attributes),
            }
            for sample in group.samples
        ],
    }


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _ns(at: datetime) -> int:
    if at < EPOCH:
        raise InvalidInput("start", "is before 1970")
    return epoch_ns(at)
