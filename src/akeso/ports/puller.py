"""Pullers: ask a system that somebody else runs for the telemetry it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, runtime_checkable

from akeso.domain.detection.anomaly import Alert
from akeso.domain.estate.topology import Edge
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Rejected


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is. headers: sent with every request (credentials, tenants); timeout: how long it may take to
    connect, and how long an answer may be silent."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What is asked for: telemetry of a tenant stamped in (since, until], ns."""

    tenant: str
    since: int
    until: int


@dataclass(frozen=True, slots=True, eq=False)
class PullResult:
    """What an endpoint had.

    upto: everything stamped up to here is in; the next request begins here. It may lie before `until` when the endpoint
    had more than it gives at once. edges: calls between services that it knows of. rejected: items that could not be
    read; they are left out, and the others are in. step: ns; all stamps are multiples of it, so there is nothing new
    before the next (0: something may be new at any time).
    """

    batch: TelemetryBatch
    upto: int
    alerts: tuple[Alert, ...] = ()
    edges: tuple[Edge, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    step: int = 0


@runtime_checkable
class Puller(Protocol):
    """One endpoint. Its constructor takes an Address as `address`, and its options as keyword arguments."""

    name: str

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        """Raises Unavailable when the endpoint does not answer, InvalidInput when it answers what cannot be read or
        says that it was asked the wrong thing. Called again with the same request it asks again."""
        ...

    def accepted(self, pulled: PullResult) -> None:
        """What was pulled is durable: what came with it needs not be told again."""
        ...

    async def close(self) -> None: ...
