"""A made-up world of nine services, tick by tick, for tests of those who tell of worlds."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.answers import Answer
from akeso.worlds.estate.estate import Estate, Node
from akeso.worlds.estate.service import Call, CallProtocol, Operation, Runtime, Service, ServiceKind
from akeso.worlds.happening import Happening
from akeso.worlds.observation import (
    OUTSIDE,
    CallColumns,
    Census,
    Endpoint,
    Instance,
    InstanceColumns,
    NodeColumns,
    Observation,
    PoolColumns,
    QueueColumns,
    RequestColumns,
    Site,
    Status,
    StoreColumns,
)

START = 1_780_000_000 * 10**9
SECOND = 10**9

ESTATE = Estate(
    services=(
        Service(
            "edge",
            ServiceKind.GATEWAY,
            product="nginx",
            runtime=Runtime.NATIVE,
            operations=(Operation("GET /shop", calls=(Call("cart", "GET /cart/{id}"),)),),
        ),
        Service(
            "cart",
            operations=(
                Operation(
                    "GET /cart/{id}",
                    calls=(
                        Call("cache", "GET"),
                        Call("orders", "POST /orders"),
                        Call("stock", "shop.Stock/Reserve"),
                        Call("bank", "POST /charges"),
                    ),
                ),
            ),
            sidecar=True,
        ),
        Service(
            "orders",
            runtime=Runtime.JAVA,
            sidecar=True,
            operations=(
                Operation("POST /orders", calls=(Call("database", "INSERT orders"), Call("broker", "order-placed"))),
            ),
        ),
        Service("stock", protocol=CallProtocol.GRPC, runtime=Runtime.GO, operations=(Operation("shop.Stock/Reserve"),)),
        Service("bank", ServiceKind.THIRD_PARTY, operations=(Operation("POST /charges"),), replicas=1),
        Service(
            "database",
            ServiceKind.DATABASE,
            CallProtocol.SQL,
            Runtime.NATIVE,
            "postgresql",
            replicas=1,
            disk_gb=20.0,
            connection_limit=100,
            operations=(Operation("INSERT orders"),),
        ),
        Service(
            "cache",
            ServiceKind.CACHE,
            CallProtocol.REDIS,
            Runtime.NATIVE,
            "redis",
            replicas=1,
            operations=(Operation("GET"),),
        ),
        Service(
            "broker",
            ServiceKind.QUEUE,
            CallProtocol.MESSAGE,
            Runtime.NATIVE,
            "rabbitmq",
            replicas=1,
            operations=(Operation("order-placed"),),
        ),
        Service(
            "mailer",
            ServiceKind.WORKER,
            runtime=Runtime.NODE,
            consumes=("broker", "order-placed"),
            operations=(Operation("send mail"),),
        ),
    ),
    nodes=(Node("node-a"), Node("node-b")),
    traffic=(),
)

_TREE = (  # (callee, operation, caller row in this tree or -1)
    ("edge", "GET /shop", -1),
    ("cart", "GET /cart/{id}", 0),
    ("cache", "GET", 1),
    ("orders", "POST /orders", 1),
    ("stock", "shop.Stock/Reserve", 1),
    ("bank", "POST /charges", 1),
    ("database", "INSERT orders", 3),
    ("broker", "order-placed", 3),
    ("mailer", "send mail", -1),
)
_BROKER_TREE = 7


def census_of(estate: Estate = ESTATE) -> Census:
    """Everybody in place. The mailer is called by the broker, the edge by visitors."""
    instances = tuple(
        _instance(estate, s, slot) for s, each in enumerate(estate.services) for slot in range(each.replicas)
    )
    rows = {(each.service, each.slot): row for row, each in enumerate(instances)}
    endpoints = tuple(Endpoint(row, o.name) for row, each in enumerate(instances) for o in _operations(estate, each))
    endpoint_of = {(each.instance, each.operation): row for row, each in enumerate(endpoints)}
    sites = tuple(_site(estate, place) for place in range(len(_TREE)))
    links = []
    for place, site in enumerate(sites):
        callers = [OUTSIDE] if site.caller == OUTSIDE else _rows(rows, site.caller)
        for caller in callers:
            for callee in _rows(rows, site.callee):
                operation = site.operation
                origin = endpoint_of.get((caller, site.caller_operation), OUTSIDE)
                links.append((caller, callee, endpoint_of[callee, operation], origin, place))
    columns = np.array(links, np.int32).T
    pools = sorted(
        {(int(caller), sites[site].callee) for caller, site in zip(columns[0], columns[4], strict=True) if caller >= 0}
    )
    return Census(
        0,
        estate,
        estate.services,
        instances,
        endpoints,
        sites,
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        np.array([pool[0] for pool in pools], np.int32),
        np.array([pool[1] for pool in pools], np.int32),
    )


def _operations(estate: Estate, instance: Instance) -> tuple[Operation, ...]:
    return estate.services[instance.service].operations


def _rows(rows: dict[tuple[int, int], int], service: int) -> list[int]:
    return [row for (each, _), row in rows.items() if each == service]


def _instance(estate: Estate, service: int, slot: int) -> Instance:
    described = estate.services[service]
    node = (service + slot) % len(estate.nodes)
    uid, began = f"uid-{service}-{slot}", START - 3_600 * SECOND
    return Instance(f"{described.name}-{slot}", service, slot, node, f"10.0.{service}.{slot}", uid, "1.0.0", "a", began)


def _site(estate: Estate, place: int) -> Site:
    callee, operation, above = _TREE[place]
    row = estate.row_of[callee]
    caller, origin = (OUTSIDE, "") if above < 0 else (estate.row_of[_TREE[above][0]], _TREE[above][1])
    protocol = estate.services[row].protocol
    if callee == "mailer":
        caller, origin, protocol = estate.row_of["broker"], "order-placed", CallProtocol.MESSAGE
    queue = protocol is CallProtocol.MESSAGE
    return Site(caller, origin, row, operation, protocol, f"{callee}.default.svc.cluster.local", 5e3, 0, queue)


@dataclass
class SmallWorld:
    """Ticks of a second. rate: requests a tick; answers: what services answer with, else OK; down: rows of instances
    that should run and do not; columns: levels of InstanceColumns that differ from the usual."""

    rate: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        self.census = census_of()
        self.now = START
        self.answers: dict[str, Answer] = {}
        self.down: set[int] = set()
        self.absent: set[int] = set()
        self.restarts = np.zeros(len(self.census.instances), np.int64)
        self.skew_s: dict[int, float] = {}
        self.unheard: set[int] = set()
        self._random = np.random.default_rng(self.seed)
        self._spans = 0
        self._possible: dict[tuple[int, int], list[int]] = {}
        for link, (place, caller) in enumerate(zip(self.census.link_site, self.census.link_caller, strict=True)):
            above = _TREE[place][2]
            self._possible.setdefault((int(place), OUTSIDE if above < 0 else int(caller)), []).append(link)

    def restart(self, row: int) -> None:
        """The process in a row begins anew."""
        self.restarts[row] += 1

    def replace(self, row: int) -> None:
        """Another pod lives in a row."""
        instances = list(self.census.instances)
        old = instances[row]
        instances[row] = replace(old, name=f"{old.name}x", uid=f"{old.uid}x", version="1.1.0", started_at=self.now)
        self.census = replace(self.census, epoch=self.census.epoch + 1, instances=tuple(instances))

    def rows(self, service: str) -> list[int]:
        """The instances of a service."""
        row = self.census.estate.row_of[service]
        return [i for i, each in enumerate(self.census.instances) if each.service == row]

    def tick(self, *happenings: Happening) -> Observation:
        """The next second."""
        start, self.now = self.now, self.now + SECOND
        requests = self._requests(start)
        heard = np.array([row not in self.unheard for row in range(len(self.census.instances))])
        return Observation(
            start,
            self.now,
            self.census,
            _calls(requests),
            self._instances(),
            self._pools(),
            self._stores(),
            self._queues(),
            self._nodes(),
            requests,
            happenings,
            {},
            heard,
            np.ones(len(self.census.estate.nodes), np.bool_),
        )

    def _requests(self, start: int) -> RequestColumns:
        depth = len(_TREE)
        rows = [self._request(start, index * depth) for index in range(self.rate)]
        columns = [np.concatenate(column) for column in zip(*rows, strict=True)] if rows else [np.empty(0)] * 12
        kinds = (np.uint64, np.uint64, np.int64, np.int32, *[np.int64] * 4, *[np.uint8] * 3, np.float64)
        return RequestColumns(*(column.astype(kind) for column, kind in zip(columns, kinds, strict=True)))

    def _request(self, start: int, first: int) -> tuple[NDArray[np.generic], ...]:
        depth = len(_TREE)
        links = self._links()
        answers = np.array([self.answers.get(name, Answer.OK) for name, _, _ in _TREE])
        begin = start + int(self._random.integers(0, SECOND))
        duration = self._random.lognormal(15.0, 0.5, depth).astype(np.int64) + 10_000
        duration[[0, 1]] += duration.sum()
        served = np.where(np.isin(answers, (Answer.REFUSED, Answer.TIMED_OUT)), Answer.NEVER_ARRIVED, answers)
        arrived = served != Answer.NEVER_ARRIVED
        parents = np.array([-1 if above < 0 else first + above for _, _, above in _TREE])
        trace = self._random.integers(1, 2**63, 2).astype(np.uint64)
        self._spans += depth
        spans = np.arange(self._spans - depth + 1, self._spans + 1)
        starts = begin + np.arange(depth) * 1_000
        return (
            np.where(np.arange(depth) > _BROKER_TREE, trace[1], trace[0]),
            spans,
            parents,
            links,
            starts,
            duration,
            np.where(arrived, starts + 100, 0),
            np.where(arrived, duration - 200, 0),
            answers,
            served,
            np.zeros(depth),
            np.full(depth, self._random.random()),
        )

    def _links(self) -> NDArray[np.int64]:
        census, found = self.census, []
        at: dict[int, int] = {}
        draws = self._random.random(len(_TREE)).tolist()
        for place, (_, _, above) in enumerate(_TREE):
            possible = self._possible[place, OUTSIDE if above < 0 else at[above]]
            link = possible[int(draws[place] * len(possible))]
            at[place] = int(census.link_callee[link])
            found.append(link)
        return np.array(found)

    def _instances(self) -> InstanceColumns:
        count = len(self.census.instances)
        status = np.full(count, Status.UP, np.uint8)
        status[list(self.down)] = Status.DOWN
        status[list(self.absent)] = Status.ABSENT
        third = [self.census.services[each.service].kind is ServiceKind.THIRD_PARTY for each in self.census.instances]
        up = (status == Status.UP) & ~np.array(third)
        levels = {
            "cpu_s": 0.2,
            "cpu_limit": 1.0,
            "rss": 2e8,
            "heap": 1e8,
            "heap_after_gc": 8e7,
            "page_cache": 5e7,
            "memory_limit": 5e8,
            "fds": 40.0,
            "fd_limit": 1024.0,
            "threads": 16.0,
            "thread_limit": 16.0,
            "busy": 2.0,
            "in_flight": 2.0,
            "gc_s": 0.01,
            "gc_count": 1.0,
            "disk_used": 4e9,
            "disk_size": 2e10,
            "disk_read": 1e5,
            "disk_written": 1e6,
            "disk_busy": 0.1,
            "net_in": 1e6,
            "net_out": 2e6,
        }
        names = [each.name for each in fields(InstanceColumns)][2:]
        columns = {name: np.where(up, levels.get(name, 0.0), 0.0) for name in names}
        for row, skew in self.skew_s.items():
            columns["clock_skew_s"][row] = skew
        return InstanceColumns(status=status, restarts=self.restarts.copy(), **columns)

    def _pools(self) -> PoolColumns:
        count = len(self.census.pool_instance)
        return PoolColumns(
            _all(count, 3), _all(count, 17), _all(count, 20), _all(count, 0), _all(count, 0.1), _none(count)
        )

    def _stores(self) -> StoreColumns:
        rows = [*self.rows("database"), *self.rows("cache")]
        levels = (12.0, 100.0, 3.0, 0.0, 2.0, 50.0, 1.0, 0.0, 0.0, 900.0, 100.0, 0.0, 1000.0, 0.0)
        return StoreColumns(np.array(rows, np.int32), *(_all(len(rows), level) for level in levels))

    def _queues(self) -> QueueColumns:
        service = self.census.estate.row_of["broker"]
        levels = (5.0, 2.0, 0.4, 20.0, 20.0, 20.0, 0.0, 0.0, 2.0)
        return QueueColumns(np.array([service], np.int32), ("order-placed",), *(_all(1, level) for level in levels))

    def _nodes(self) -> NodeColumns:
        count = len(self.census.estate.nodes)
        levels = (1.0, 2.0, 8.0, 9e9, 4e9, 3.2e10, 4e10, 1e11, 0.1, 1.5, 5e6, 6e6, 3.0)
        return NodeColumns(*(_all(count, level) for level in levels))


def _all(count: int, value: float) -> Floats:
    return np.full(count, float(value))


def _none(count: int) -> NDArray[np.int64]:
    return np.zeros(count, np.int64)


def _calls(requests: RequestColumns) -> CallColumns:
    order = np.argsort(requests.link, kind="stable")
    server = np.where(requests.server_duration > 0, requests.server_duration / 1e6, np.nan)
    return CallColumns(
        requests.link[order],
        np.ones(len(requests), np.int64),
        (requests.duration / 1e6)[order],
        server[order],
        requests.seen[order],
        requests.served[order],
        requests.attempt[order],
    )
