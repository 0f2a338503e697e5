"""Sources: decode what a sender sends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from akeso.domain.detection.anomaly import Alert
from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One request, decompressed and authenticated. headers: lower-case names; received_at: ns."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    tenant: str
    received_at: int

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender gets back once everything decoded is durable."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Rejected:
    """Items of a request that were left out, though others of it were taken. item: where the first stands in the body,
    "" if it is not known; field: what is wrong within it, "" for all of it; count: how many they are."""

    item: str
    field: str
    reason: str
    count: int = 1

    @property
    def place(self) -> str:
        """Item and field as one path, as the sender wrote them."""
        joint = ": " if " " in self.item else "" if self.item.endswith("-") or self.field.startswith("[") else "."
        return f"{self.item}{joint}{self.field}" if self.item and self.field else self.item or self.field

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a push is known when it is sent again, as far as its format tells.

    request: what stands for the whole of it (akeso.protocols.digest), 0 if it may rightly come twice; lines: a log line
    is what its stream, time and text say; logs, changes, alerts: the names of events, one a block of logs, change or
    alert. Spans are known by their ids.
    """

    request: int = 0
    lines: bool = False
    logs: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """What a request decoded to, and the answer that is sent after it was made durable.

    rejected: items that were left out; omitted: how often an optional field was left out of an item that was kept,
    being malformed or of a kind that is kept nowhere (exemplars), by the field's name. identity: by what it is known
    when it comes again.
    """

    batch: TelemetryBatch
    answer: Answer
    alerts: tuple[Alert, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    omitted: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    identity: Identity = Identity()


@runtime_checkable
class HoldsKey(Protocol):
    """A source whose protocol puts the sender's key into the body."""

    def key_in(self, body: bytes) -> str:
        """The key, "" where there is none. Nothing is known of the sender yet."""
        ...


@runtime_checkable
class NamesPrecedents(Protocol):
    """A source that tells its sender how many similar incidents are known."""

    def with_precedents(self, answer: Answer, count: int) -> Answer:
        """The answer that `decode` made, with the number."""
        ...


@runtime_checkable
class Source(Protocol):
    """Decodes requests to one or more paths. Pure but for interning series in the table that it is given."""

    name: str
    paths: tuple[str, ...]

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """What is good in the request; what is not is named in the intake and in its answer.

        Raises InvalidInput naming the field when nothing in it is good; then nothing of the request was taken in."""
        ...

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """The error answer in the sender's own protocol."""
        ...
