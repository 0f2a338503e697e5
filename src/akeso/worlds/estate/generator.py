"""Systems drawn at random: call graphs of services with what such systems have beside them."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from akeso.domain.errors import InvalidInput
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.names import DATABASES, JOBS, NOUNS, PROVIDERS, TOPICS, VERBS
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
from akeso.worlds.estate.sizing import sized
from akeso.worlds.estate.traffic import Traffic

_LEAST, _MOST = 5, 200
_LANGUAGES = (Runtime.PYTHON, Runtime.JAVA, Runtime.GO, Runtime.NODE, Runtime.DOTNET)
_TIMEOUTS = (1_000.0, 2_000.0, 3_000.0, 5_000.0, 10_000.0)
_NAMESPACES = ("shop", "core", "platform", "data")


@dataclass(frozen=True, slots=True)
class Mix:
    """How many of what."""

    gateways: int
    web: int
    databases: int
    caches: int
    queues: int
    workers: int
    providers: int
    jobs: int
    fleets: int

    @classmethod
    def of(cls, size: int) -> "Mix":
        """For a world of `size` services."""
        small = size < 8
        others = {
            "gateways": max(1, size // 30),
            "databases": max(1, size // 7),
            "caches": 0 if small else max(1, size // 14),
            "queues": 0 if small else 1 + size // 60,
            "workers": 0 if small else max(1, size // 12),
            "providers": 0 if small else max(1, size // 14),
            "jobs": 0 if small else max(1, size // 16),
            "fleets": 1 if size >= 15 else 0,
        }
        return cls(web=size - sum(others.values()), **others)


@dataclass(slots=True)
class _Draft:
    random: Generator
    alone: bool
    services: list[Service] = field(default_factory=list)

    def pick(self, kind: ServiceKind) -> Service | None:
        """One of a kind, or None where there is none."""
        some = [s for s in self.services if s.kind is kind]
        return some[int(self.random.integers(len(some)))] if some else None


def generate(seed: int, services: int = 20, *, alone: bool | None = None, rate: float | None = None) -> Estate:
    """A system of `services` services (5 to 200). alone: on machines of their own instead of under an orchestrator
    (None: the seed chooses); rate: visitors a second over all (None: by size). Raises InvalidInput for a size out of
    range."""
    if not _LEAST <= services <= _MOST:
        raise InvalidInput("services", f"{services} is not between {_LEAST} and {_MOST}")
    random = Generator(PCG64(SeedSequence([seed, services, 0x45_53_54])))
    draft = _Draft(random, bool(random.random() < 0.3) if alone is None else alone)
    mix = Mix.of(services)
    _stores(draft, mix)
    _web(draft, mix.web)
    _workers(draft, mix.workers)
    _jobs(draft, mix.jobs)
    _fleets(draft, mix.fleets)
    entries = _gateways(draft, mix.gateways)
    traffic = _traffic(draft, entries, rate if rate is not None else 20.0 + 1.5 * services)
    return sized(Estate(tuple(draft.services), (), traffic), random)


def _stores(draft: _Draft, mix: Mix) -> None:
    random = draft.random
    for i in range(mix.databases):
        product = ("postgresql", "postgresql", "mysql")[int(random.integers(3))]
        draft.services.append(_database(draft, DATABASES[i % len(DATABASES)] + _number(i, DATABASES), product))
    for i in range(mix.caches):
        operations = (Operation("GET", 0.05, 0.1, 0.4), Operation("SET", 0.06, 0.1, 0.4))
        name = f"cache-{NOUNS[i]}" if mix.caches > 1 else "cache"
        draft.services.append(_store(name, ServiceKind.CACHE, "redis", CallProtocol.REDIS, operations, draft.alone))
    for i in range(mix.queues):
        topics = tuple(Operation(topic, 0.1, 0.4, 0.4, writes_kb=2.0) for topic in _topics(i, mix))
        product = ("rabbitmq", "kafka")[int(random.integers(2))]
        broker = _store(f"{product}-{i + 1}", ServiceKind.QUEUE, product, CallProtocol.MESSAGE, topics, draft.alone)
        draft.services.append(replace(broker, disk_gb=40.0, runtime=Runtime.NATIVE))
    for i in range(mix.providers):
        calls = Operation("POST /v1/request", 0.01, float(random.uniform(30, 180)), 0.5, error_ratio=0.001)
        draft.services.append(
            Service(
                PROVIDERS[i % len(PROVIDERS)] + _number(i, PROVIDERS),
                ServiceKind.THIRD_PARTY,
                operations=(calls,),
                replicas=1,
                logs=0,
            )
        )


def _database(draft: _Draft, name: str, product: str) -> Service:
    random = draft.random
    operations = (
        Operation("SELECT one", float(random.uniform(0.2, 0.8)), float(random.uniform(0.5, 2)), 0.6),
        Operation("SELECT list", float(random.uniform(1, 4)), float(random.uniform(1, 4)), 0.8),
        Operation("INSERT", float(random.uniform(0.4, 1)), float(random.uniform(1, 4)), 0.6, writes_kb=8.0),
    )
    made = _store(name, ServiceKind.DATABASE, product, CallProtocol.SQL, operations, draft.alone)
    return replace(made, replicas=1 + int(random.random() < 0.3), disk_gb=80.0, connection_limit=200, start_s=15.0)


def _store(
    name: str, kind: ServiceKind, product: str, protocol: CallProtocol, operations: tuple[Operation, ...], alone: bool
) -> Service:
    return Service(
        name,
        kind,
        protocol,
        Runtime.NATIVE,
        product,
        namespace="data",
        replicas=1,
        cores=4.0,
        memory_mb=4096.0,
        concurrency=256,
        accept=512,
        pool=0,
        start_s=5.0,
        operations=operations,
        logs=0.002,
        version="7.2" if product == "redis" else "16.3",
        alone=alone,
    )


def _web(draft: _Draft, count: int) -> None:
    """Services in layers: the first call stores alone, later ones call earlier ones, too."""
    layers = 2 + int(np.log2(max(count, 2)) // 1.6)
    for i in range(count):
        layer = int(i * layers / count)
        draft.services.append(_one_web(draft, _name(i), layer))


def _one_web(draft: _Draft, name: str, layer: int) -> Service:
    random = draft.random
    grpc = not draft.alone and random.random() < 0.25
    names = [v.format(name) for v in VERBS]
    count = int(random.integers(1, 4))
    operations = tuple(_operation(draft, names[i], layer, writes=i == 1) for i in range(count))
    orchestrated = not draft.alone
    return Service(
        name,
        ServiceKind.WEB,
        CallProtocol.GRPC if grpc else CallProtocol.HTTP,
        _LANGUAGES[int(random.integers(len(_LANGUAGES)))],
        namespace=_NAMESPACES[int(random.integers(3))],
        operations=operations,
        start_s=float(random.uniform(4, 20)),
        sidecar=orchestrated and bool(random.random() < 0.2),
        autoscaling=Autoscaling(2, 6) if orchestrated and random.random() < 0.25 else None,
        alone=draft.alone,
        logs=float(random.choice((0.0, 0.05, 0.3))),
        version=f"{int(random.integers(1, 5))}.{int(random.integers(0, 30))}.{int(random.integers(0, 9))}",
    )


def _operation(draft: _Draft, name: str, layer: int, *, writes: bool) -> Operation:
    random = draft.random
    calls: list[Call] = []
    earlier = [s for s in draft.services if s.kind is ServiceKind.WEB]
    for _ in range(int(random.integers(1, 4)) if layer and earlier else 0):
        callee = earlier[int(random.integers(len(earlier)))]
        if all(c.service != callee.name for c in calls):
            calls.append(_call(draft, callee, float(random.uniform(0.4, 1.0))))
    database = draft.pick(ServiceKind.DATABASE)
    if database is not None and (not layer or random.random() < 0.5):
        calls += _stored(draft, database, writes=writes)
    provider = draft.pick(ServiceKind.THIRD_PARTY)
    if provider is not None and random.random() < 0.12:
        calls.append(replace(_call(draft, provider, 0.5), timeout_ms=3_000.0, fallback=bool(random.random() < 0.5)))
    broker = draft.pick(ServiceKind.QUEUE)
    if broker is not None and writes and random.random() < 0.5:
        topic = broker.operations[int(random.integers(len(broker.operations)))]
        calls.append(Call(broker.name, topic.name, 0.6, 5_000.0))
    cpu = float(np.exp(random.normal(1.7, 0.6)))
    return Operation(
        name, cpu, float(random.uniform(0.3, 3)), 0.5, error_ratio=0.0005, missing_ratio=0.01, calls=tuple(calls)
    )


def _stored(draft: _Draft, database: Service, *, writes: bool) -> list[Call]:
    random = draft.random
    reading = database.operations[int(random.integers(2))].name
    cache = draft.pick(ServiceKind.CACHE)
    if writes:
        return [Call(database.name, "INSERT", 1.0, 5_000.0)]
    if cache is not None and random.random() < 0.4:
        get = Call(cache.name, "GET", 1.0, 500.0, optional=True)
        return [get, Call(database.name, reading, 1.0, 5_000.0, cached_by=cache.name)]
    return [Call(database.name, reading, float(random.uniform(1.0, 2.5)), 5_000.0)]


def _call(draft: _Draft, callee: Service, mean: float) -> Call:
    random = draft.random
    operation = callee.operations[int(random.integers(len(callee.operations)))].name
    timeout = float(random.choice(_TIMEOUTS))
    return Call(callee.name, operation, mean, timeout, int(random.choice((0, 0, 1, 2))), optional=random.random() < 0.1)


def _workers(draft: _Draft, count: int) -> None:
    brokers = [s for s in draft.services if s.kind is ServiceKind.QUEUE]
    topics = [(b.name, o.name) for b in brokers for o in b.operations]
    for i in range(count):
        topic = topics[i % len(topics)]
        database = draft.pick(ServiceKind.DATABASE)
        calls = (Call(database.name, "INSERT", 1.0, 10_000.0),) if database is not None else ()
        work = Operation(f"process {topic[1]}", float(draft.random.uniform(3, 15)), 5.0, 0.6, calls=calls)
        draft.services.append(
            Service(
                f"{topic[1].split('.')[0]}-worker" + _number(i, topics),
                ServiceKind.WORKER,
                CallProtocol.MESSAGE,
                _LANGUAGES[int(draft.random.integers(len(_LANGUAGES)))],
                namespace="core",
                operations=(work,),
                consumes=topic,
                alone=draft.alone,
            )
        )


def _jobs(draft: _Draft, count: int) -> None:
    random = draft.random
    for i in range(count):
        database = draft.pick(ServiceKind.DATABASE)
        calls = (Call(database.name, "SELECT list", 2.0, 30_000.0),) if database is not None else ()
        every = float(random.choice((600, 900, 1800, 3600)))
        schedule = Schedule(every, float(random.integers(0, 600)), float(random.uniform(60, 240)))
        draft.services.append(
            Service(
                JOBS[i % len(JOBS)] + _number(i, JOBS),
                ServiceKind.BATCH,
                CallProtocol.NONE,
                Runtime.PYTHON,
                namespace="data",
                replicas=1,
                operations=(Operation("work", 60.0, 5.0, 0.4, calls=calls),),
                schedule=schedule,
                start_s=3.0,
                alone=draft.alone,
            )
        )


def _fleets(draft: _Draft, count: int) -> None:
    for i in range(count):
        machines = int(draft.random.integers(3, 9))
        draft.services.append(
            Service(
                f"fleet-{NOUNS[-1 - i]}",
                ServiceKind.MACHINE,
                CallProtocol.NONE,
                Runtime.NATIVE,
                namespace="machines",
                replicas=machines,
                cores=4.0,
                memory_mb=8192.0,
                concurrency=32,
                disk_gb=100.0,
                pool=0,
                operations=(Operation("work", 30.0, 2.0, 0.5),),
                alone=True,
                logs=0,
            )
        )


def _gateways(draft: _Draft, count: int) -> list[tuple[str, str]]:
    """Gateways with a route to every operation of a service that nobody else would reach."""
    random = draft.random
    free = _unreached(draft.services)
    count = min(count, len(free))
    entries: list[tuple[str, str]] = []
    for i in range(count):
        operations = tuple(_route(draft, service, operation) for service, operation in free[i::count])
        name = "gateway" if count == 1 else f"gateway-{i + 1}"
        draft.services.append(
            Service(
                name,
                ServiceKind.GATEWAY,
                runtime=Runtime.NATIVE,
                product=str(random.choice(("nginx", "envoy", "haproxy"))),
                namespace="edge",
                concurrency=512,
                accept=1024,
                operations=operations,
                start_s=2.0,
                logs=0.2,
                alone=draft.alone,
                pool=0,
            )
        )
        entries += [(name, o.name) for o in operations]
    return entries


def _route(draft: _Draft, service: Service, operation: str) -> Operation:
    call = replace(_call(draft, service, 1.0), operation=operation, optional=False)
    verb, _, path = operation.partition(" ")
    return Operation(f"{verb} /api{path}", 0.4, 0.2, 0.4, missing_ratio=0.01, calls=(call,))


def _unreached(services: list[Service]) -> list[tuple[Service, str]]:
    """The fewest operations that must be called for every web service to be reached, later services first."""
    by_name = {s.name: s for s in services}
    found: list[tuple[Service, str]] = []
    reached: set[str] = set()

    def visit(service: Service, operation: str) -> None:
        reached.add(service.name)
        for call in service.operation(operation).calls:
            visit(by_name[call.service], call.operation)

    for service in reversed([s for s in services if s.kind is ServiceKind.WEB]):
        if service.name not in reached:
            found += [(service, operation.name) for operation in service.operations]
            for operation in service.operations:
                visit(service, operation.name)
    return found


def _traffic(draft: _Draft, entries: list[tuple[str, str]], rate: float) -> tuple[Traffic, ...]:
    random = draft.random
    parts = random.dirichlet(np.full(len(entries), 2.0)) * rate
    peak = float(random.uniform(9, 20))
    daily = float(random.uniform(0.3, 0.8))
    people = [
        Traffic(s, o, max(float(part), 0.2), daily, peak, float(random.uniform(0.4, 1.2)), retries=1)
        for (s, o), part in zip(entries, parts, strict=True)
    ]
    own = [
        Traffic(s.name, "work", 5.0 if s.kind is ServiceKind.BATCH else 18.0 * s.replicas, 0.3, peak)
        for s in draft.services
        if s.kind in {ServiceKind.BATCH, ServiceKind.MACHINE}
    ]
    return (*people, *own)


def _topics(broker: int, mix: Mix) -> list[str]:
    count = max(1, -(-mix.workers // mix.queues))
    return [TOPICS[(broker * count + i) % len(TOPICS)] for i in range(count)]


def _name(i: int) -> str:
    return NOUNS[i] if i < len(NOUNS) else f"{NOUNS[i % len(NOUNS)]}-{('api', 'core', 'sync')[i // len(NOUNS) - 1]}"


def _number(i: int, names: tuple[str, ...] | list[tuple[str, str]]) -> str:
    return "" if i < len(names) else f"-{i // len(names) + 1}"
