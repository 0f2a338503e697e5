"""Instances, limits and machines for the load that a system's visitors bring."""

from dataclasses import replace
from math import ceil

from numpy.random import Generator

from akeso.worlds.estate.check import levels
from akeso.worlds.estate.estate import Estate, Node
from akeso.worlds.estate.service import Service, ServiceKind

_HIT = 0.92
_BOUGHT = 0.35
_OWN = {ServiceKind.MACHINE, ServiceKind.THIRD_PARTY, ServiceKind.BATCH}
Key = tuple[str, str]


def sized(estate: Estate, random: Generator) -> Estate:
    """The same services, with as many instances, cores, workers and connections as their load at the peak wants at
    about a third of what they could do, and with nodes to carry them."""
    rates, times = _rates(estate), _times(estate)
    patience = _patience(estate)
    services = tuple(_sized(s, (rates, times), patience.get(s.name, 5.0), random) for s in estate.services)
    estate = replace(estate, services=services)
    services = tuple(_connected(estate, s) for s in services)
    return replace(estate, services=services, nodes=nodes_for(services))


def nodes_for(services: tuple[Service, ...]) -> tuple[Node, ...]:
    """Machines: one for every instance that stands alone, shared ones for the rest."""
    own = tuple(
        Node(f"{s.name}-{slot + 1}", max(s.cores or 2.0, 1.0), max(s.memory_mb / 1024 * 1.6, 3.0), s.disk_gb or 40.0)
        for s in services
        if s.alone
        for slot in range(s.replicas + (0 if s.stores or s.kind in _OWN else 2))
    )
    shared = [s for s in services if not s.alone and s.kind is not ServiceKind.THIRD_PARTY]
    cores = sum((s.cores or 1.0) * (s.replicas + 1) for s in shared)
    memory = sum(s.memory_mb * (s.replicas + 1) for s in shared) / 1024
    count = max(ceil(cores / 10), ceil(memory / 40), 2) if shared else 0
    return (*own, *(Node(f"node-{i + 1}", 16.0, 64.0, 200.0, "abc"[i % 3]) for i in range(count)))


def _patience(estate: Estate) -> dict[str, float]:
    """The shortest time-out, s, that callers of each service have."""
    given = [(c.service, c.timeout_ms) for s in estate.services for o in s.operations for c in o.calls]
    given += [(t.service, t.timeout_ms) for t in estate.traffic]
    return {name: min(ms for other, ms in given if other == name) / 1000 for name, _ in given}


def _sized(
    service: Service, figures: tuple[dict[Key, float], dict[Key, float]], patience_s: float, random: Generator
) -> Service:
    if service.kind in _OWN:
        return service
    rates, times = figures
    load = [(rates.get((service.name, o.name), 0.0), o) for o in service.operations]
    cores = sum(rate * o.cpu_ms for rate, o in load) / 1000
    busy = sum(rate * times[service.name, o.name] for rate, o in load) / 1000
    # What is restarted without anybody beside it must be carried by the others, some of them cold.
    part = float(random.uniform(0.2, _BOUGHT)) * (0.7 if service.alone else 1.0)
    replicas = service.replicas if service.stores else min(4, max(2, ceil(cores / part)))
    each = cores / part / replicas
    least = 0.5 if service.stores else 0.1
    workers = max(256 if service.stores or service.kind is ServiceKind.GATEWAY else 8, ceil(4 * busy / replicas))
    pool = 0 if service.pool == 0 else min(40, max(5, ceil(4 * busy / replicas)))
    return replace(
        service,
        replicas=replicas,
        cores=max(least, ceil(each * 20) / 20),
        concurrency=workers,
        # Nobody waits in it for longer than its callers do: else retries would keep it overloaded for good.
        accept=max(8, ceil(0.3 * patience_s * sum(rate for rate, _ in load) / replicas / part)),
        pool=pool,
    )


def _connected(estate: Estate, service: Service) -> Service:
    """Databases admit twice what all pools may hold."""
    if service.kind is not ServiceKind.DATABASE:
        return service
    held = sum(estate[name].pool * estate[name].replicas for name in estate.callers_of(service.name))
    return replace(service, connection_limit=max(100, ceil(1.6 * held / 50) * 50))


def _rates(estate: Estate) -> dict[Key, float]:
    """Requests a second of every operation, at the peak of the day."""
    order = sorted(levels(estate).items(), key=lambda it: -it[1])
    rates: dict[Key, float] = {}
    for traffic in estate.traffic:
        key = (traffic.service, traffic.operation)
        rates[key] = rates.get(key, 0.0) + traffic.rate * (1 + traffic.daily)
    topics: dict[Key, float] = {}
    for (name, operation), _ in order:
        rate = rates.get((name, operation), 0.0)
        for call in estate[name].operation(operation).calls:
            part = call.mean * (1 - _HIT if call.cached_by else 1.0)
            key = (call.service, call.operation)
            rates[key] = rates.get(key, 0.0) + rate * part
            topics[key] = rates[key]
    for worker in estate.services:
        if worker.consumes is not None:
            key = (worker.name, worker.operations[0].name)
            rates[key] = rates.get(key, 0.0) + topics.get(worker.consumes, 0.0)
            for call in worker.operations[0].calls:
                below = (call.service, call.operation)
                rates[below] = rates.get(below, 0.0) + rates[key] * call.mean
    return rates


def _times(estate: Estate) -> dict[Key, float]:
    """Milliseconds that a request of every operation takes, roughly."""
    times: dict[Key, float] = {}
    for (name, operation), _ in sorted(levels(estate).items(), key=lambda it: it[1]):
        spec = estate[name].operation(operation)
        below = sum(c.mean * (1.0 + times[c.service, c.operation]) for c in spec.calls)
        times[name, operation] = 1.5 * spec.cpu_ms + spec.wait_ms + below
    return times
