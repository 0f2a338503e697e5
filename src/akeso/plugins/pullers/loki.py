"""Grafana Loki, asked for the lines of a selector."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import LogBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.pullers._endpoint import Endpoint, Query
from akeso.ports.puller import Address, PullRequest, PullResult
from akeso.protocols.json_items import read_items
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.loki.log_streams import level_in
from akeso.protocols.otlp.signals import INSTANCE
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_number

_LEVELS = ("level", "severity", "detected_level", "severity_text", "lvl")
_INSTANCES = ("service_instance_id", "instance", "pod")
_TRACES = ("trace_id", "traceid", "traceID")


class _Stream(msgspec.Struct, frozen=True):
    stream: dict[str, str]
    values: list[list[object]]


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: list[msgspec.Raw]


class _Answer(msgspec.Struct, frozen=True):
    status: Literal["success"]
    data: _Data


class Loki:
    """Asks `/loki/api/v1/query_range` forwards.

    query: LogQL that yields lines. limit: the most lines an answer may have (Loki's own limit is 5,000 unless it was
    changed); what an answer could not hold is asked for the next time. Where Loki has tenants, the address's headers
    hold `X-Scope-OrgID`.
    """

    name = "loki"

    def __init__(
        self,
        address: Address,
        query: str = '{service_name=~".+"}',
        limit: int = 5000,
        service_labels: tuple[str, ...] = SERVICE_LABELS,
    ) -> None:
        if limit < 2:
            raise InvalidInput("limit", "has to be at least 2")
        self._endpoint = Endpoint(address)
        self._query, self._limit, self._labels = query, limit, tuple(service_labels)
        self._decoder, self._stream = msgspec.json.Decoder(_Answer), msgspec.json.Decoder(_Stream)

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        """See akeso.ports.puller.Puller."""
        del table
        # Loki's start is inclusive and its end is not.
        query: Query = {
            "query": self._query,
            "start": request.since + 1,
            "end": request.until + 1,
            "limit": self._limit,
            "direction": "forward",
        }
        answer = await self._endpoint.get("/loki/api/v1/query_range", query, self._decoder)
        if answer.data.result_type != "streams":
            raise InvalidInput("query", f"yields a {answer.data.result_type}; lines are needed")
        rejections = Rejections()
        streams = read_items(answer.data.result, self._stream, "data.result", rejections)
        blocks = [self._block(stream, rejections) for stream in streams]
        upto = self._complete(blocks, request.until)
        logs = tuple(kept for block in blocks if len(kept := block.where(block.time <= upto)))
        return PullResult(TelemetryBatch(request.tenant, request.until, logs=logs), upto, rejected=rejections.rejected)

    def accepted(self, pulled: PullResult) -> None:
        """Nothing is remembered."""

    async def close(self) -> None:
        """See akeso.ports.puller.Puller."""
        await self._endpoint.close()

    def _complete(self, blocks: Sequence[LogBlock], until: int) -> int:
        """Up to when the answer holds every line: when it is full, more lines of its last instant may be missing."""
        if sum(map(len, blocks)) < self._limit:
            return until
        stamps = np.unique(np.concatenate([block.time for block in blocks]))
        # One instant that alone fills an answer cannot be asked for in parts.
        return int(stamps[-1]) - 1 if len(stamps) > 1 else int(stamps[-1])

    def _block(self, stream: _Stream, rejections: Rejections) -> LogBlock:
        labels = stream.stream
        told = ((f"values[{number}]", value) for number, value in enumerate(stream.values))
        entries = rejections.sift(told, _entry)
        own = severity_number(_first(labels, _LEVELS))
        levels = [severity_number(_first(more, _LEVELS)) or own or level_in(line) for _, line, more in entries]
        instance = _first(labels, _INSTANCES)
        return LogBlock(
            service_of(labels, self._labels),
            np.array([at for at, _, _ in entries], np.int64),
            np.array(levels, np.uint8),
            tuple(line for _, line, _ in entries),
            np.array([_trace(_first({**labels, **more}, _TRACES)) for _, _, more in entries], np.uint64),
            ((INSTANCE, instance),) if instance else (),
        )


def _entry(value: Sequence[object]) -> tuple[int, str, Mapping[str, str]]:
    match value:
        case [str(at), str(line), *rest] if at.isascii() and at.isdigit() and len(at) <= 19 and int(at) < 2**63:
            more = rest[0] if rest and isinstance(rest[0], dict) else {}
            return int(at), line, _flat(more)
    raise InvalidInput("", 'is not ["<ns>", "line"]')


def _flat(more: Mapping[str, object]) -> dict[str, str]:
    # Where the client asks for it, Loki tells structured metadata and parsed labels apart.
    groups = [group for group in more.values() if isinstance(group, dict)]
    pairs = [*more.items(), *(pair for group in groups for pair in group.items())]
    return {str(name): value for name, value in pairs if isinstance(value, str)}


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _trace(text: str) -> int:
    try:
        return int(text[-16:] or "0", 16) if text.isalnum() or not text else 0
    except ValueError:
        return 0
