"""A world as a short YAML.

world: a shop on Monday
start: 2026-03-02T10:00:00Z
generate: {services: 20, seed: 7}        # or `services:` and `traffic:` written out
events:
  - {at: 10m, happens: memory_leak, to: cart, for: 20m}
telling: {…}                             # who tells, in which dialect; read by the dialects
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.discovery import occurrences
from akeso.worlds.estate.check import check
from akeso.worlds.estate.estate import Estate, Node
from akeso.worlds.estate.generator import generate
from akeso.worlds.estate.service import (
    Autoscaling,
    Call,
    CallProtocol,
    Operation,
    Runtime,
    Schedule,
    Service,
    ServiceKind,
)
from akeso.worlds.estate.sizing import nodes_for
from akeso.worlds.estate.traffic import Traffic
from akeso.worlds.spec import Planned, WorldSpec

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def _seconds(value: object) -> object:
    """`90`, `90s`, `1h30m` → seconds."""
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    if not text or _SPAN.sub("", text):
        raise ValueError(f"{value!r} is no span of time such as 90s, 10m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _SPAN.findall(text))


Span = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Call(_Model):
    to: str
    operation: str = ""
    mean: Annotated[float, Field(ge=0)] = 1.0
    timeout: Span = 5.0
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    cached_by: str = ""
    optional: bool = False
    fallback: bool = False


class _Operation(_Model):
    name: str
    cpu_ms: Positive = 2.0
    wait_ms: Annotated[float, Field(ge=0)] = 1.0
    spread: Annotated[float, Field(ge=0, le=5)] = 0.6
    writes_kb: Annotated[float, Field(ge=0)] = 0.0
    error_ratio: Share = 0.0
    missing_ratio: Share = 0.0
    calls: tuple[_Call, ...] = ()


class _Autoscaling(_Model):
    least: Annotated[int, Field(ge=1)]
    most: Annotated[int, Field(ge=1)]
    target: Share = 0.65


class _Schedule(_Model):
    every: Span
    offset: Span = 0.0
    lasts: Span = 120.0


class _Service(_Model):
    name: str
    kind: ServiceKind = ServiceKind.WEB
    protocol: CallProtocol | None = None
    runtime: Runtime | None = None
    product: str = ""
    namespace: str = "default"
    replicas: Annotated[int, Field(ge=1, le=50)] = 2
    cores: Positive = 1.0
    memory_mb: Positive = 512.0
    concurrency: Annotated[int, Field(ge=1)] = 16
    accept: Annotated[int, Field(ge=0)] = 128
    pool: Annotated[int, Field(ge=0)] = 20
    pool_timeout: Span = 5.0
    start: Span = 8.0
    disk_gb: Annotated[float, Field(ge=0)] = 0.0
    connection_limit: Annotated[int, Field(ge=0)] = 0
    operations: tuple[_Operation, ...] = ()
    consumes: tuple[str, str] | None = None
    autoscaling: _Autoscaling | None = None
    schedule: _Schedule | None = None
    sidecar: bool = False
    alone: bool = False
    logs: Share = 0.1
    version: str = "1.0.0"
    error_objective: Share = 0.02
    latency_objective_ms: Annotated[float, Field(ge=0)] = 0.0


class _Node(_Model):
    name: str
    cores: Positive = 8.0
    memory_gb: Positive = 32.0
    disk_gb: Positive = 100.0
    zone: str = "a"


class _Traffic(_Model):
    to: str
    operation: str = ""
    rate: Annotated[float, Field(ge=0)]
    daily: Share = 0.5
    peak_hour: Annotated[float, Field(ge=0, lt=24)] = 14.0
    weekend: Annotated[float, Field(ge=0)] = 0.7
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    timeout: Span = 10.0
    burst: Annotated[float, Field(ge=0, le=2)] = 0.1


class _Generate(_Model):
    services: int = 20
    seed: int = 1
    alone: bool | None = None
    rate: Positive | None = None


class _Event(_Model):
    at: Span
    happens: str
    to: str = ""
    lasts: Annotated[Span | None, Field(alias="for")] = None
    strength: Positive = 1.0
    parameters: dict[str, str] = {}


class _World(_Model):
    world: str
    start: datetime = _START
    cluster: str = "main"
    environment: str = "production"
    generate: _Generate | None = None
    services: tuple[_Service, ...] = ()
    nodes: tuple[_Node, ...] = ()
    traffic: tuple[_Traffic, ...] = ()
    events: tuple[_Event, ...] = ()
    telling: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_way(self) -> "_World":
        if (self.generate is None) == (not self.services):
            raise ValueError("write either `generate` or `services`")
        return self


def read_world(text: str) -> WorldSpec:
    """A world from YAML. Raises InvalidInput that names the field."""
    try:
        written = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput("world", f"no YAML: {error}") from error
    if not isinstance(written, Mapping):
        raise InvalidInput("world", "a mapping is expected")
    try:
        model = _World.model_validate(written)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(".".join(str(part) for part in first["loc"]) or "world", first["msg"]) from error
    estate = _estate(model)
    check(estate)
    start = model.start if model.start.tzinfo else model.start.replace(tzinfo=UTC)
    planned = tuple(_planned(row, event, estate) for row, event in enumerate(model.events))
    return WorldSpec(
        model.world, estate, round(start.timestamp()) * NANOSECONDS, planned, MappingProxyType(model.telling)
    )


def _estate(model: _World) -> Estate:
    if model.generate is not None:
        wanted = model.generate
        return generate(wanted.seed, wanted.services, alone=wanted.alone, rate=wanted.rate)
    services = tuple(_service(s, model) for s in model.services)
    nodes = tuple(Node(**node.model_dump()) for node in model.nodes) or nodes_for(services)
    traffic = tuple(_traffic(t, model, row) for row, t in enumerate(model.traffic))
    return Estate(services, nodes, traffic, model.cluster, model.environment)


def _service(service: _Service, model: _World) -> Service:
    given = service.model_dump(exclude={"operations", "autoscaling", "schedule", "pool_timeout", "start"})
    given["protocol"] = service.protocol or _PROTOCOLS.get(service.kind, CallProtocol.HTTP)
    given["runtime"] = service.runtime or (Runtime.NATIVE if service.product else Runtime.PYTHON)
    schedule = service.schedule
    return Service(
        **given,
        pool_timeout_ms=service.pool_timeout * 1000,
        start_s=service.start,
        operations=tuple(_operation(service.name, o, model) for o in service.operations),
        autoscaling=Autoscaling(**service.autoscaling.model_dump()) if service.autoscaling else None,
        schedule=Schedule(schedule.every, schedule.offset, schedule.lasts) if schedule else None,
    )


_PROTOCOLS = {
    ServiceKind.DATABASE: CallProtocol.SQL,
    ServiceKind.CACHE: CallProtocol.REDIS,
    ServiceKind.QUEUE: CallProtocol.MESSAGE,
    ServiceKind.WORKER: CallProtocol.MESSAGE,
    ServiceKind.BATCH: CallProtocol.NONE,
    ServiceKind.MACHINE: CallProtocol.NONE,
}


def _operation(service: str, operation: _Operation, model: _World) -> Operation:
    field = f"services.{service}.operations.{operation.name}.calls"
    calls = tuple(
        Call(
            call.to,
            _named(f"{field}.{row}", call.to, call.operation, model),
            call.mean,
            call.timeout * 1000,
            call.retries,
            call.cached_by,
            call.optional,
            call.fallback,
        )
        for row, call in enumerate(operation.calls)
    )
    return Operation(**operation.model_dump(exclude={"calls"}), calls=calls)


def _traffic(traffic: _Traffic, model: _World, row: int) -> Traffic:
    operation = _named(f"traffic.{row}", traffic.to, traffic.operation, model)
    given = traffic.model_dump(exclude={"to", "operation", "timeout"})
    return Traffic(traffic.to, operation, **given, timeout_ms=traffic.timeout * 1000)


def _named(field: str, service: str, operation: str, model: _World) -> str:
    """The operation that is meant: the only one where none is named."""
    found = next((s for s in model.services if s.name == service), None)
    if found is None:
        raise InvalidInput(f"{field}.to", f"there is no service {service}")
    if operation:
        return operation
    if len(found.operations) != 1:
        raise InvalidInput(f"{field}.operation", f"{service} has {len(found.operations)} operations: name one")
    return found.operations[0].name


def _planned(row: int, event: _Event, estate: Estate) -> Planned:
    kind = occurrences().get(event.happens)
    if kind is None:
        raise InvalidInput(f"events.{row}.happens", f"there is no {event.happens}")
    names = {node.name for node in estate.nodes} if kind.on == "node" else set(estate.row_of)
    if event.to and event.to not in names:
        raise InvalidInput(f"events.{row}.to", f"there is no {kind.on} {event.to}")
    return Planned(event.happens, event.at, event.to, event.lasts, event.strength, MappingProxyType(event.parameters))
