"""What a cloud measures of each kind of thing that it runs.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.cloud.periods import Period, Statistic
from akeso.worlds.estate.service import CallProtocol, Service, ServiceKind
from akeso.worlds.observation import OUTSIDE, Observation, Status

_CLASS = np.array([(http_status(answer) or 500) // 100 for answer in Answer], np.int64)
_STORES = ("connections", "hits", "misses", "evictions", "entries", "lag_s", "deadlocks")
_QUEUES = ("depth", "unacked", "oldest_s", "published", "delivered", "settled")
_INSTANCES = ("cpu_s", "rss", "disk_used", "disk_busy", "disk_read", "disk_written")
_NODES = ("cpu_cores", "net_in", "net_out")


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of one thing over a period. unit: CloudWatch's; shown: the statistic that people look at."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: Statistic
    unit: str
    shown: str = "Average"


def columns_of(observation: Observation, assignment: Assignment) -> dict[str, Floats]:
    """The columns of a tick that measures are made of."""
    found: dict[str, Floats] = {}
    for prefix, columns, names in (
        ("instances", observation.instances, _INSTANCES),
        ("stores", observation.stores, _STORES),
        ("queues", observation.queues, _QUEUES),
        ("nodes", observation.nodes, _NODES),
    ):
        found |= {f"{prefix}.{name}": getattr(columns, name) for name in names}
    return found | _requests(observation, assignment)


def measures(period: Period, assignment: Assignment) -> Iterator[Measured]:
    """All metrics of a period."""
    census = assignment.tally.census
    status = assignment.tally.latest.instances.status
    for row in sorted(assignment.services):
        service = census.services[row]
        places = np.flatnonzero((assignment.tally.service_of == row) & (status != Status.ABSENT)).tolist()
        if service.kind is ServiceKind.THIRD_PARTY or not places:
            continue
        if service.kind is ServiceKind.DATABASE or service.kind is ServiceKind.CACHE:
            for place in places:
                yield from _store(period, assignment, service, place)
        elif service.kind is ServiceKind.QUEUE:
            yield from _queue(period, assignment, row)
        else:
            yield from _tasks(period, assignment, service, places)
            if any(site.caller == OUTSIDE and site.callee == row for site in census.sites):
                yield from _balancer(period, assignment, row, places)
    for node in sorted({census.instances[row].node for row in np.flatnonzero(assignment.mine).tolist()}):
        yield from _machine(period, assignment, node)


def _requests(observation: Observation, assignment: Assignment) -> dict[str, Floats]:
    calls, count = observation.calls, len(observation.census.services)
    came = calls.served != Answer.NEVER_ARRIVED
    service = assignment.tally.service_of[observation.census.link_callee[calls.link[came]]]
    weight, answered = calls.weight[came].astype(np.float64), _CLASS[calls.served[came]]
    found: dict[str, Floats] = {"requests.all": np.bincount(service, weight, count).astype(np.float64)}
    for digit in (2, 4, 5):
        found[f"requests.{digit}xx"] = np.bincount(service, weight * (answered == digit), count).astype(np.float64)
    seconds = weight * calls.server_ms[came] / 1e3
    found["requests.seconds"] = np.bincount(service, seconds, count).astype(np.float64)
    return found


def _store(period: Period, assignment: Assignment, service: Service, place: int) -> Iterator[Measured]:
    tally = assignment.tally
    rows = np.flatnonzero(tally.latest.stores.instance == place).tolist()
    if not rows:
        return
    cpu = period.of("instances.cpu_s", place).scaled(100 / max(service.cores, 1.0))
    name = tally.census.instances[place].name
    if service.kind is ServiceKind.CACHE:
        cache = Measured("AWS/ElastiCache", "CPUUtilization", (("CacheClusterId", name),), cpu, "Percent")
        yield cache
        for metric, column in (("CacheHits", "hits"), ("CacheMisses", "misses"), ("Evictions", "evictions")):
            counted = period.of(f"stores.{column}", rows[0])
            yield replace(cache, metric=metric, statistic=counted, unit="Count", shown="Sum")
        connections = period.of("stores.connections", rows[0])
        yield replace(cache, metric="CurrConnections", statistic=connections, unit="Count")
        yield replace(cache, metric="CurrItems", statistic=period.of("stores.entries", rows[0]), unit="Count")
        memory = period.of("instances.rss", place).scaled(100 / (service.memory_mb * 2**20))
        yield replace(cache, metric="DatabaseMemoryUsagePercentage", statistic=memory)
        return
    database = Measured("AWS/RDS", "CPUUtilization", (("DBInstanceIdentifier", name),), cpu, "Percent")
    yield database
    yield replace(
        database, metric="DatabaseConnections", statistic=period.of("stores.connections", rows[0]), unit="Count"
    )
    free = _less(service.memory_mb * 2**20, period.of("instances.rss", place))
    yield replace(database, metric="FreeableMemory", statistic=free, unit="Bytes")
    space = _less(service.disk_gb * 1e9, period.of("instances.disk_used", place))
    yield replace(database, metric="FreeStorageSpace", statistic=space, unit="Bytes")
    queue = period.of("instances.disk_busy", place)
    yield replace(database, metric="DiskQueueDepth", statistic=queue, unit="Count")
    writes = period.of("instances.disk_written", place)
    yield replace(database, metric="WriteThroughput", statistic=writes, unit="Bytes/Second")
    yield replace(database, metric="ReplicaLag", statistic=period.of("stores.lag_s", rows[0]), unit="Seconds")
    yield replace(database, metric="Deadlocks", statistic=period.of("stores.deadlocks", rows[0]), unit="Count/Second")


def _less(whole: float, used: Statistic) -> Statistic:
    return Statistic(used.count, whole * used.count - used.sum, whole - used.most, whole - used.least)


def _queue(period: Period, assignment: Assignment, row: int) -> Iterator[Measured]:
    queues = assignment.tally.latest.queues
    for place in np.flatnonzero(queues.service == row).tolist():
        name = (("QueueName", queues.topic[place]),)
        for metric, column, unit, shown in (
            ("ApproximateNumberOfMessagesVisible", "depth", "Count", "Average"),
            ("ApproximateNumberOfMessagesNotVisible", "unacked", "Count", "Average"),
            ("ApproximateAgeOfOldestMessage", "oldest_s", "Seconds", "Maximum"),
            ("NumberOfMessagesSent", "published", "Count", "Sum"),
            ("NumberOfMessagesReceived", "delivered", "Count", "Sum"),
            ("NumberOfMessagesDeleted", "settled", "Count", "Sum"),
        ):
            yield Measured("AWS/SQS", metric, name, period.of(f"queues.{column}", place), unit, shown)


def _tasks(period: Period, assignment: Assignment, service: Service, places: list[int]) -> Iterator[Measured]:
    names = (("ClusterName", assignment.estate.cluster), ("ServiceName", service.name))
    cpu = period.over("instances.cpu_s", places).scaled(100 / max(service.cores, 0.1))
    yield Measured("AWS/ECS", "CPUUtilization", names, cpu, "Percent")
    memory = period.over("instances.rss", places).scaled(100 / (service.memory_mb * 2**20))
    yield Measured("AWS/ECS", "MemoryUtilization", names, memory, "Percent")


def _balancer(period: Period, assignment: Assignment, row: int, places: list[int]) -> Iterator[Measured]:
    service = assignment.tally.census.services[row]
    if service.protocol is not CallProtocol.HTTP:
        return
    balancer, group = f"app/{service.name}/50dc6c495c0c9188", f"targetgroup/{service.name}/943f017f100becff"
    names = (("LoadBalancer", balancer), ("TargetGroup", group))
    requests = period.of("requests.all", row)
    yield Measured("AWS/ApplicationELB", "RequestCount", names, requests, "Count", "Sum")
    for digit in (2, 4, 5):
        counted = period.of(f"requests.{digit}xx", row)
        yield Measured("AWS/ApplicationELB", f"HTTPCode_Target_{digit}XX_Count", names, counted, "Count", "Sum")
    if requests.sum:
        seconds = period.of("requests.seconds", row).sum
        mean = seconds / requests.sum
        took = Statistic(requests.sum, seconds, mean * 0.2, mean * 6)
        yield Measured("AWS/ApplicationELB", "TargetResponseTime", names, took, "Seconds")
    status = assignment.tally.latest.instances.status[places]
    healthy = float((status == Status.UP).sum())
    for metric, value in (("HealthyHostCount", healthy), ("UnHealthyHostCount", len(places) - healthy)):
        yield Measured("AWS/ApplicationELB", metric, names, Statistic(1, value, value, value), "Count")


def _machine(period: Period, assignment: Assignment, node: int) -> Iterator[Measured]:
    latest, described = assignment.tally.latest, assignment.estate.nodes[node]
    names = (("InstanceId", f"i-{node:017x}"),)
    cpu = period.of("nodes.cpu_cores", node).scaled(100 / described.cores)
    yield Measured("AWS/EC2", "CPUUtilization", names, cpu, "Percent")
    yield Measured("AWS/EC2", "NetworkIn", names, period.of("nodes.net_in", node), "Bytes")
    yield Measured("AWS/EC2", "NetworkOut", names, period.of("nodes.net_out", node), "Bytes")
    failed = float(not latest.nodes.ready[node])
    yield Measured("AWS/EC2", "StatusCheckFailed", names, Statistic(1, failed, failed, failed), "Count", "Maximum")
