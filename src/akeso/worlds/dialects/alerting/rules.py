"""Rules that many teams run unchanged: awesome-prometheus-alerts, kubernetes-mixin, node-mixin.

https://samber.github.io/awesome-prometheus-alerts/ and https://runbooks.prometheus-operator.dev/
"""

from collections.abc import Callable, Iterator

import numpy as np

from akeso.domain.telemetry.batches import Mask
from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.alerting.rule import Found, Rule, Scene
from akeso.worlds.dialects.expositions.stores import StoreReading, reading_of
from akeso.worlds.dialects.otel.operation import port_of
from akeso.worlds.dialects.otel.resource import workload_of
from akeso.worlds.estate.service import CallProtocol, Service, ServiceKind
from akeso.worlds.observation import OUTSIDE, Status

_KSM = {"job": "kube-state-metrics", "instance": "10.244.0.12:8080", "endpoint": "http"}
_KSM |= {"service": "kube-prometheus-stack-kube-state-metrics"}
_GONE = (Status.DOWN, Status.BACKING_OFF, Status.HUNG)
_RARE = 5 * 60 * 0.1  # fewer calls than these in five minutes make no ratio


def _instances(scene: Scene, fits: Callable[[Service], bool], status: tuple[Status, ...]) -> Iterator[int]:
    tally = scene.assignment.tally
    here: Mask = np.isin(tally.latest.instances.status, status) & scene.assignment.mine
    for row in np.flatnonzero(here & tally.latest.heard_instances).tolist():
        service = tally.census.services[tally.census.instances[row].service]
        if service.kind is not ServiceKind.THIRD_PARTY and fits(service):
            yield row


def _scraped(scene: Scene, row: int, suffix: str = "") -> dict[str, str]:
    census = scene.assignment.tally.census
    instance = census.instances[row]
    service = census.services[instance.service]
    if service.alone:
        host = census.estate.nodes[instance.node].name
        return {"job": service.name + suffix, "instance": f"{host}:{port_of(service)}"}
    address = f"{instance.ip}:{port_of(service)}"
    return {"job": service.name + suffix, "instance": address, "namespace": service.namespace, "pod": instance.name}


def _instance_down(scene: Scene) -> Iterator[Found]:
    for row in _instances(scene, lambda service: service.alone and not service.stores, _GONE):
        yield Found(_scraped(scene, row), 0.0)


def _target_down(scene: Scene) -> Iterator[Found]:
    tally = scene.assignment.tally
    for row, service in enumerate(tally.census.services):
        if row not in scene.assignment.services or service.alone or service.stores:
            continue
        status = tally.latest.instances.status[tally.service_of == row]
        there, gone = int((status != Status.ABSENT).sum()), int(np.isin(status, _GONE).sum())
        if there and gone / there > 0.1:
            yield Found(
                {"job": service.name, "namespace": service.namespace, "service": service.name}, 100 * gone / there
            )


def _pod(scene: Scene, row: int) -> dict[str, str]:
    census = scene.assignment.tally.census
    instance = census.instances[row]
    service = census.services[instance.service]
    return _KSM | {"namespace": service.namespace, "pod": instance.name, "container": service.name}


def _crash_looping(scene: Scene) -> Iterator[Found]:
    for row in _instances(scene, lambda service: not service.alone, (Status.BACKING_OFF,)):
        yield Found(_pod(scene, row) | {"reason": "CrashLoopBackOff"}, 1.0)


def _not_ready(scene: Scene) -> Iterator[Found]:
    wanted = (Status.STARTING, Status.DOWN, Status.BACKING_OFF, Status.HUNG)
    for row in _instances(scene, lambda service: not service.alone, wanted):
        labels = _pod(scene, row)
        del labels["container"]
        yield Found(labels, 1.0)


def _replicas_mismatch(scene: Scene) -> Iterator[Found]:
    tally = scene.assignment.tally
    for row, service in enumerate(tally.census.services):
        if row not in scene.assignment.services or service.alone or workload_of(service) != "deployment":
            continue
        status = tally.latest.instances.status[tally.service_of == row]
        missing = int((status != Status.ABSENT).sum() - (status == Status.UP).sum())
        if missing and service.kind is not ServiceKind.THIRD_PARTY:
            labels = _KSM | {
                "namespace": service.namespace,
                "deployment": service.name,
                "container": "kube-state-metrics",
            }
            yield Found(labels, missing)


def _throttled(scene: Scene) -> Iterator[Found]:
    columns = scene.assignment.tally.latest.instances
    for row in _instances(scene, lambda service: not service.alone, (Status.UP,)):
        if columns.cpu_limit[row] and columns.throttled_s[row] > 0.25:
            labels = _pod(scene, row) | {"job": "kubelet", "service": "kube-prometheus-stack-kubelet"}
            yield Found(labels, 100 * float(columns.throttled_s[row]))


def _store(scene: Scene, fits: Callable[[Service], bool]) -> Iterator[tuple[int, StoreReading]]:
    for row in _instances(scene, fits, (Status.UP, Status.STOPPING)):
        found = reading_of(scene.assignment.tally, row)
        if found is not None:
            yield row, found


def _postgres(service: Service) -> bool:
    return service.kind is ServiceKind.DATABASE and service.product in {"postgresql", "postgres", ""}


def _mysql(service: Service) -> bool:
    return service.product in {"mysql", "mariadb"}


def _redis(service: Service) -> bool:
    return service.protocol is CallProtocol.REDIS and service.stores


def _rabbit(service: Service) -> bool:
    return service.kind is ServiceKind.QUEUE and service.product != "kafka"


def _down(fits: Callable[[Service], bool], suffix: str = "-exporter") -> Callable[[Scene], Iterator[Found]]:
    def find(scene: Scene) -> Iterator[Found]:
        for row in _instances(scene, fits, _GONE):
            yield Found(_scraped(scene, row, suffix), 0.0)

    return find


def _connections(fits: Callable[[Service], bool]) -> Callable[[Scene], Iterator[Found]]:
    def find(scene: Scene) -> Iterator[Found]:
        for row, store in _store(scene, fits):
            limit = store.level("connection_limit")
            if limit and store.level("connections") > 0.8 * limit:
                yield Found(_scraped(scene, row, "-exporter"), 100 * store.level("connections") / limit)

    return find


def _replication_lag(scene: Scene) -> Iterator[Found]:
    for row, store in _store(scene, _postgres):
        if store.level("lag_s") > 30:
            yield Found(_scraped(scene, row, "-exporter"), store.level("lag_s"))


def _redis_memory(scene: Scene) -> Iterator[Found]:
    columns = scene.assignment.tally.latest.instances
    for row in _instances(scene, _redis, (Status.UP,)):
        if columns.memory_limit[row] and columns.rss[row] > 0.9 * columns.memory_limit[row]:
            yield Found(_scraped(scene, row, "-exporter"), 100 * float(columns.rss[row] / columns.memory_limit[row]))


def _queued(scene: Scene, over: Callable[[int], bool]) -> Iterator[Found]:
    tally = scene.assignment.tally
    queues = tally.latest.queues
    for place, row in enumerate(queues.service.tolist()):
        if row in scene.assignment.services and over(place):
            service = tally.census.services[row]
            labels = {"job": service.name, "queue": queues.topic[place], "vhost": "/", "namespace": service.namespace}
            yield Found(labels, float(queues.depth[place]))


def _ready_messages(scene: Scene) -> Iterator[Found]:
    return _queued(scene, lambda place: bool(scene.assignment.tally.latest.queues.depth[place] > 1_000))


def _no_consumer(scene: Scene) -> Iterator[Found]:
    return _queued(scene, lambda place: bool(scene.assignment.tally.latest.queues.consumers[place] < 1))


def _nodes(scene: Scene, share: Callable[[int], float], over: float) -> Iterator[Found]:
    tally = scene.assignment.tally
    for row, node in enumerate(tally.census.estate.nodes):
        if tally.latest.heard_nodes[row] and share(row) > over:
            yield Found({"job": "node", "instance": f"{node.name}:9100"}, 100 * share(row))


def _out_of_memory(scene: Scene) -> Iterator[Found]:
    nodes = scene.assignment.tally.latest.nodes
    return _nodes(scene, lambda row: float(nodes.memory_used[row] / max(nodes.memory_size[row], 1.0)), 0.9)


def _busy(scene: Scene) -> Iterator[Found]:
    nodes = scene.assignment.tally.latest.nodes
    return _nodes(scene, lambda row: float(nodes.cpu_cores[row] / max(nodes.cores[row], 1.0)), 0.8)


def _out_of_disk(scene: Scene) -> Iterator[Found]:
    nodes = scene.assignment.tally.latest.nodes
    return _nodes(scene, lambda row: float(nodes.disk_used[row] / max(nodes.disk_size[row], 1.0)), 0.9)


def _node_not_ready(scene: Scene) -> Iterator[Found]:
    tally = scene.assignment.tally
    for row, node in enumerate(tally.census.estate.nodes):
        if not tally.latest.nodes.ready[row]:
            labels = {"node": node.name, "condition": "Ready", "status": "true", "container": "kube-state-metrics"}
            yield Found(_KSM | labels, 0.0)


def _http(scene: Scene) -> Iterator[tuple[int, dict[str, str]]]:
    for row, service in enumerate(scene.assignment.tally.census.services):
        web = service.kind in {ServiceKind.WEB, ServiceKind.GATEWAY} and service.protocol is CallProtocol.HTTP
        if web and row in scene.assignment.services and scene.recent.total[row] > _RARE:
            yield row, {"job": service.name, "namespace": service.namespace, "service": service.name}


def _high_errors(scene: Scene) -> Iterator[Found]:
    for row, labels in _http(scene):
        share = float(scene.recent.errors[row] / scene.recent.total[row])
        if share > 0.05:
            yield Found(labels, 100 * share)


def _high_latency(scene: Scene) -> Iterator[Found]:
    slow = scene.recent.quantile_ms(0.95)
    for row, labels in _http(scene):
        if slow[row] > 1_000:
            yield Found(labels, float(slow[row]) / 1e3)


def _probe_failed(scene: Scene) -> Iterator[Found]:
    census, calls = scene.assignment.tally.census, scene.assignment.tally.latest.calls
    for service in sorted({site.callee for site in census.sites if site.caller == OUTSIDE} & scene.assignment.services):
        entry = np.array([each.caller == OUTSIDE and each.callee == service for each in census.sites], np.bool_)
        rows = np.flatnonzero(entry[census.link_site[calls.link]])
        if len(rows) and not 200 <= http_status(Answer(calls.seen[rows[-1]])) < 400:
            url = f"https://{census.services[service].name}.example.com/"
            yield Found({"job": "blackbox", "instance": url}, 0.0)


def _watchdog(scene: Scene) -> Iterator[Found]:
    del scene
    yield Found({}, 1.0)


RULES = (
    Rule(
        "InstanceDown", "critical", 60, _instance_down, "Instance {instance} down", "{instance} of job {job} is down."
    ),
    Rule(
        "TargetDown",
        "warning",
        600,
        _target_down,
        "One or more targets are unreachable.",
        "{value:.4g}% of the {job}/{service} targets in {namespace} namespace are down.",
    ),
    Rule(
        "KubePodCrashLooping",
        "warning",
        900,
        _crash_looping,
        "Pod is crash looping.",
        'Pod {namespace}/{pod} ({container}) is in waiting state (reason: "CrashLoopBackOff").',
    ),
    Rule(
        "KubePodNotReady",
        "warning",
        900,
        _not_ready,
        "Pod has been in a non-ready state for more than 15 minutes.",
        "Pod {namespace}/{pod} has been in a non-ready state for longer than 15 minutes.",
    ),
    Rule(
        "KubeDeploymentReplicasMismatch",
        "warning",
        900,
        _replicas_mismatch,
        "Deployment has not matched the expected number of replicas.",
        "Deployment {namespace}/{deployment} has not matched the expected number of replicas for 15 minutes.",
    ),
    Rule(
        "CPUThrottlingHigh",
        "info",
        900,
        _throttled,
        "Processes experience elevated CPU throttling.",
        "{value:.4g}% throttling of CPU in namespace {namespace} for container {container} in pod {pod}.",
    ),
    Rule(
        "KubeNodeNotReady",
        "warning",
        900,
        _node_not_ready,
        "Node is not ready.",
        "{node} has been unready for 15 minutes.",
    ),
    Rule(
        "PostgresqlDown",
        "critical",
        0,
        _down(_postgres),
        "Postgresql down (instance {instance})",
        "Postgresql instance is down",
    ),
    Rule(
        "PostgresqlTooManyConnections",
        "warning",
        120,
        _connections(_postgres),
        "Postgresql too many connections (instance {instance})",
        "PostgreSQL instance has too many connections (> 80%).",
    ),
    Rule(
        "PostgresqlReplicationLag", "critical", 30, _replication_lag, "Postgresql replication lag (instance {instance})"
    ),
    Rule(
        "MysqlDown",
        "critical",
        0,
        _down(_mysql),
        "MySQL down (instance {instance})",
        "MySQL instance is down on {instance}",
    ),
    Rule(
        "MysqlTooManyConnections(>80%)",
        "warning",
        120,
        _connections(_mysql),
        "MySQL too many connections (> 80%) (instance {instance})",
    ),
    Rule("RedisDown", "critical", 0, _down(_redis), "Redis down (instance {instance})", "Redis instance is down"),
    Rule(
        "RedisOutOfConfiguredMaxmemory",
        "warning",
        120,
        _redis_memory,
        "Redis out of configured maxmemory (instance {instance})",
        "Redis is running out of configured maxmemory (> 90%)",
    ),
    Rule("RabbitmqNodeDown", "critical", 0, _down(_rabbit, ""), "RabbitMQ node down (instance {instance})"),
    Rule(
        "RabbitmqTooManyReadyMessages",
        "warning",
        60,
        _ready_messages,
        "RabbitMQ too many ready messages",
        "RabbitMQ too many ready messages on queue {queue}: {value:.0f}",
    ),
    Rule(
        "RabbitmqNoQueueConsumer",
        "warning",
        60,
        _no_consumer,
        "RabbitMQ no queue consumer",
        "A queue ({queue}) has less than 1 consumer",
    ),
    Rule(
        "HostOutOfMemory",
        "warning",
        120,
        _out_of_memory,
        "Host out of memory (instance {instance})",
        "Node memory is filling up (< 10% left)",
    ),
    Rule("HostHighCpuLoad", "warning", 600, _busy, "Host high CPU load (instance {instance})", "CPU load is > 80%"),
    Rule(
        "HostOutOfDiskSpace",
        "critical",
        120,
        _out_of_disk,
        "Host out of disk space (instance {instance})",
        "Disk is almost full (< 10% left)",
    ),
    Rule(
        "HighErrorRate",
        "critical",
        300,
        _high_errors,
        "High error rate on {service}",
        "{value:.2f}% of requests to {service} fail with 5xx.",
    ),
    Rule(
        "HighRequestLatency",
        "warning",
        300,
        _high_latency,
        "High request latency on {service}",
        "95th percentile of {service} is {value:.2f}s.",
    ),
    Rule(
        "BlackboxProbeFailed",
        "critical",
        60,
        _probe_failed,
        "Blackbox probe failed (instance {instance})",
        "Probe failed",
    ),
)

WATCHDOG = Rule(
    "Watchdog",
    "none",
    0,
    _watchdog,
    "An alert that should always be firing to certify that Alertmanager is working properly.",
)
