"""From an estate to its layout."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from akeso.domain.telemetry.batches import Ids
from akeso.worlds.estate.check import check, levels
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Call, CallProtocol, Operation, Service, ServiceKind
from akeso.worlds.observation import OUTSIDE, Endpoint, Site
from akeso.worlds.simulation.layout import Layout, Level, Source

_SPARE = 2
_FIXED = {ServiceKind.DATABASE, ServiceKind.CACHE, ServiceKind.QUEUE, ServiceKind.MACHINE, ServiceKind.BATCH}
_CONSUMED = Call("", "", timeout_ms=60_000.0)


@dataclass(slots=True)
class _Draft:
    """What is being laid out."""

    estate: Estate
    level_of: dict[tuple[str, str], int]
    places: list[int]
    first: list[int]
    start: dict[tuple[str, str], int] = field(default_factory=dict)  # (service, operation) → its first endpoint
    operations: list[tuple[int, Operation]] = field(default_factory=list)  # by (level, service, operation)
    sources: list[Source] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Leg:
    level: int
    origin: int
    caller: int  # instance
    site: int
    callee: int  # service
    operation: str
    call: Call


def compile_estate(estate: Estate) -> Layout:
    """The layout. Raises InvalidInput when the estate does not hold together (see estate.check)."""
    check(estate)
    draft = _draft(estate)
    count = sum(draft.places[s] for s, _ in draft.operations)
    sites, legs = _legs(draft, count)
    return _layout(draft, sites, sorted(legs, key=lambda leg: (leg.level, leg.site, leg.origin)))


def places_of(service: Service) -> int:
    """How many instances a service has room for."""
    if service.kind is ServiceKind.THIRD_PARTY:
        return 1
    most = service.autoscaling.most if service.autoscaling else 0
    return max(service.replicas + (0 if service.kind in _FIXED else _SPARE), most)


def _draft(estate: Estate) -> _Draft:
    places = [places_of(s) for s in estate.services]
    first = [0, *np.cumsum(places).tolist()][:-1]
    draft = _Draft(estate, levels(estate), places, first)
    everything = [(s, o) for s, service in enumerate(estate.services) for o in service.operations]
    draft.operations = sorted(everything, key=lambda it: draft.level_of[estate.services[it[0]].name, it[1].name])
    row = 0
    for service, operation in draft.operations:
        draft.start[estate.services[service].name, operation.name] = row
        row += places[service]
    draft.sources = [Source(t.service, t.operation, traffic=t) for t in estate.traffic]
    for service_ in estate.services:
        if service_.consumes is not None:
            draft.sources += [Source(service_.name, o.name, queue=service_.consumes) for o in service_.operations[:1]]
    return draft


def _legs(draft: _Draft, endpoints: int) -> tuple[list[Site], list[_Leg]]:
    sites: list[Site] = []
    legs: list[_Leg] = []
    for caller, operation in draft.operations:
        service = draft.estate.services[caller]
        for call in operation.calls:
            site = _site(draft.estate, caller, operation.name, call)
            sites.append(site)
            for slot in range(draft.places[caller]):
                origin = draft.start[service.name, operation.name] + slot
                legs.append(_leg(draft, call, len(sites) - 1, site, origin, draft.first[caller] + slot))
    for row, source in enumerate(draft.sources):
        site, call, caller_row = _entry(draft, source)
        sites.append(site)
        legs.append(_leg(draft, call, len(sites) - 1, site, endpoints + row, caller_row))
    return sites, legs


def _leg(draft: _Draft, call: Call, site_row: int, site: Site, origin: int, caller: int) -> _Leg:
    level = draft.level_of[draft.estate.services[site.callee].name, site.operation]
    return _Leg(level, origin, caller, site_row, site.callee, site.operation, call)


def _site(estate: Estate, caller: int, operation: str, call: Call) -> Site:
    callee = estate[call.service]
    return Site(
        caller,
        operation,
        estate.row_of[call.service],
        call.operation,
        callee.protocol,
        _peer(callee),
        call.timeout_ms,
        call.retries,
        asynchronous=callee.kind is ServiceKind.QUEUE,
    )


def _peer(service: Service) -> str:
    if service.kind is ServiceKind.THIRD_PARTY:
        return f"api.{service.name}.com"
    return f"{service.name}.internal" if service.alone else f"{service.name}.{service.namespace}.svc.cluster.local"


def _entry(draft: _Draft, source: Source) -> tuple[Site, Call, int]:
    estate = draft.estate
    callee = estate[source.service]
    row = estate.row_of[source.service]
    if source.queue is not None:
        broker = estate.row_of[source.queue[0]]
        peer = estate[source.queue[0]].name
        site = Site(
            broker, source.queue[1], row, source.operation, CallProtocol.MESSAGE, peer, 60_000.0, 0, asynchronous=True
        )
        return site, _CONSUMED, draft.first[broker]
    traffic = source.traffic
    if traffic is None:
        raise TypeError("a source has traffic or a queue")
    call = Call("", "", timeout_ms=traffic.timeout_ms, retries=traffic.retries)
    site = Site(OUTSIDE, "", row, source.operation, callee.protocol, _peer(callee), traffic.timeout_ms, traffic.retries)
    return site, call, OUTSIDE


def _ids(values: list[int]) -> Ids:
    return np.array(values, np.int32)


def _layout(draft: _Draft, sites: list[Site], legs: list[_Leg]) -> Layout:
    estate = draft.estate
    endpoints = [(s, slot, o) for s, o in draft.operations for slot in range(draft.places[s])]
    service_of = _ids([s for s, n in enumerate(draft.places) for _ in range(n)])
    pools = _pools(estate, legs, service_of)
    widths = [draft.places[leg.callee] for leg in legs]
    starts = [0, *np.cumsum(widths).tolist()][:-1]
    links = [(k, slot) for k, width in enumerate(widths) for slot in range(width)]
    return Layout(
        estate=estate,
        first=_ids(draft.first),
        places=_ids(draft.places),
        service_of=service_of,
        slot_of=_ids([slot for n in draft.places for slot in range(n)]),
        node_of=_placed(estate, draft.places),
        endpoints=tuple(Endpoint(draft.first[s] + slot, o.name) for s, slot, o in endpoints),
        instance_of=_ids([draft.first[s] + slot for s, slot, _ in endpoints]),
        sources=tuple(draft.sources),
        origin_instance=_origins(draft, legs, endpoints=[draft.first[s] + slot for s, slot, _ in endpoints]),
        sites=tuple(sites),
        leg_start=_ids(starts),
        link_leg=_ids([k for k, _ in links]),
        link_callee=_ids([draft.first[legs[k].callee] + slot for k, slot in links]),
        link_endpoint=_ids([_callee_endpoint(draft, legs[k]) + slot for k, slot in links]),
        levels=_levels(draft, legs, [*starts, len(links)]),
        whole=_whole(legs, len(endpoints), len(links)),
        **_operation_columns(tuple(o for _, _, o in endpoints)),
        **_leg_columns(estate, legs, pools),
        **_pool_columns(estate, service_of, pools),
    )


def _operation_columns(operations: tuple[Operation, ...]) -> dict[str, Any]:
    return {
        "operation": operations,
        "cpu_ms": np.array([o.cpu_ms for o in operations]),
        "wait_ms": np.array([o.wait_ms for o in operations]),
        "spread": np.array([o.spread for o in operations]),
        "writes_kb": np.array([o.writes_kb for o in operations]),
        "error_ratio": np.array([o.error_ratio for o in operations]),
        "missing_ratio": np.array([o.missing_ratio for o in operations]),
    }


def _leg_columns(estate: Estate, legs: list[_Leg], pools: Sequence[tuple[int, int]]) -> dict[str, Any]:
    pool_row = {key: row for row, key in enumerate(pools)}
    return {
        "leg_origin": _ids([leg.origin for leg in legs]),
        "leg_site": _ids([leg.site for leg in legs]),
        "leg_service": _ids([leg.callee for leg in legs]),
        "leg_mean": np.array([leg.call.mean for leg in legs]),
        "leg_timeout": np.array([leg.call.timeout_ms for leg in legs]),
        "leg_retries": np.array([float(leg.call.retries) for leg in legs]),
        "leg_cache": _ids([estate.row_of.get(leg.call.cached_by, -1) for leg in legs]),
        "leg_pool": _ids([pool_row.get((leg.caller, leg.callee), -1) for leg in legs]),
        "leg_optional": np.array([leg.call.optional for leg in legs]),
        "leg_fallback": np.array([leg.call.fallback for leg in legs]),
    }


def _pool_columns(estate: Estate, service_of: Ids, pools: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {
        "pool_instance": _ids([caller for caller, _ in pools]),
        "pool_service": _ids([callee for _, callee in pools]),
        "pool_size": np.array([float(estate.services[service_of[caller]].pool) for caller, _ in pools]),
        "pool_timeout": np.array([estate.services[service_of[caller]].pool_timeout_ms for caller, _ in pools]),
    }


def _callee_endpoint(draft: _Draft, leg: _Leg) -> int:
    return draft.start[draft.estate.services[leg.callee].name, leg.operation]


def _origins(draft: _Draft, legs: list[_Leg], endpoints: list[int]) -> Ids:
    beyond = {leg.origin: leg.caller for leg in legs if leg.origin >= len(endpoints)}
    return _ids([*endpoints, *(beyond[len(endpoints) + row] for row in range(len(draft.sources)))])


def _pools(estate: Estate, legs: list[_Leg], service_of: Ids) -> list[tuple[int, int]]:
    """(caller instance, callee service) that share connections."""
    inner = {(leg.caller, leg.callee) for leg in legs if leg.caller != OUTSIDE and leg.call is not _CONSUMED}
    return sorted((i, s) for i, s in inner if estate.services[service_of[i]].pool > 0)


def _placed(estate: Estate, places: list[int]) -> Ids:
    """Instances of a service lie on as many nodes as there are, beginning at another one for each service. Fleets of
    machines and services that stand alone have nodes of their own names where there are such."""
    named = {node.name: row for row, node in enumerate(estate.nodes)}
    shared = [row for row, node in enumerate(estate.nodes) if not _owned(estate, node.name)] or [0]
    rows = []
    for s, service in enumerate(estate.services):
        for slot in range(places[s]):
            own = named.get(f"{service.name}-{slot + 1}", named.get(service.name, -1))
            rows.append(own if own >= 0 else shared[(s * 7 + slot) % len(shared)])
    return _ids(rows)


def _owned(estate: Estate, node: str) -> bool:
    return node in estate.row_of or node.rpartition("-")[0] in estate.row_of


def _levels(draft: _Draft, legs: list[_Leg], starts: list[int]) -> tuple[Level, ...]:
    depth = 1 + max(draft.level_of.values())
    bounds = np.searchsorted([leg.level for leg in legs], np.arange(depth + 1)).tolist()
    sizes = [0] * depth
    for s, operation in draft.operations:
        sizes[draft.level_of[draft.estate.services[s].name, operation.name]] += draft.places[s]
    edges = [0, *np.cumsum(sizes).tolist()]
    by_origin = sorted(range(len(legs)), key=lambda k: legs[k].origin)
    return tuple(
        _level(legs, by_origin, slice(low, high), slice(*bounds[level : level + 2]), starts)
        for level, (low, high) in enumerate(pairwise(edges))
    )


def _level(legs: list[_Leg], by_origin: list[int], endpoints: slice, own: slice, starts: list[int]) -> Level:
    callers = [k for k in by_origin if endpoints.start <= legs[k].origin < endpoints.stop]
    origins = [legs[k].origin for k in callers]
    first = [i for i, origin in enumerate(origins) if i == 0 or origins[i - 1] != origin]
    return Level(endpoints, own, slice(starts[own.start], starts[own.stop]), endpoints, _ids(callers), _ids(first))


def _whole(legs: list[_Leg], endpoints: int, links: int) -> Level:
    callers = sorted((k for k, leg in enumerate(legs) if leg.origin < endpoints), key=lambda k: legs[k].origin)
    origins = [legs[k].origin for k in callers]
    first = [i for i, origin in enumerate(origins) if i == 0 or origins[i - 1] != origin]
    owners = _ids(sorted(set(origins)))
    return Level(slice(0, endpoints), slice(0, len(legs)), slice(0, links), owners, _ids(callers), _ids(first))
