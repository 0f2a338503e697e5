"""What the expressions of rules yield, one function a rule: the things that it holds of, with the labels it has."""

from collections.abc import Callable, Iterator

import numpy as np

from akeso.domain.telemetry.batches import Mask
from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.alerting.rule import Found, Scene
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


def instance_down(scene: Scene) -> Iterator[Found]:
    """Processes on machines of their own that do not answer a scrape (`up == 0`)."""
    for row in _instances(scene, lambda service: service.alone and not service.stores, _GONE):
        yield Found(_scraped(scene, row), 0.0)


def target_down(scene: Scene) -> Iterator[Found]:
    """More than a tenth of a job's targets do not answer; value: percent."""
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


def crash_looping(scene: Scene) -> Iterator[Found]:
    """Containers that wait to be started again."""
    for row in _instances(scene, lambda service: not service.alone, (Status.BACKING_OFF,)):
        yield Found(_pod(scene, row) | {"reason": "CrashLoopBackOff"}, 1.0)


def not_ready(scene: Scene) -> Iterator[Found]:
    """Pods that are there and not ready."""
    wanted = (Status.STARTING, Status.DOWN, Status.BACKING_OFF, Status.HUNG)
    for row in _instances(scene, lambda service: not service.alone, wanted):
        labels = _pod(scene, row)
        del labels["container"]
        yield Found(labels, 1.0)


def replicas_mismatch(scene: Scene) -> Iterator[Found]:
    """Deployments with fewer ready pods than wanted; value: how many are missing."""
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


def throttled(scene: Scene) -> Iterator[Found]:
    """Containers held back in more than a quarter of their periods; value: percent."""
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


def postgres(service: Service) -> bool:
    """Whether postgres_exporter stands beside it."""
    return service.kind is ServiceKind.DATABASE and service.product in {"postgresql", "postgres", ""}


def mysql(service: Service) -> bool:
    """Whether mysqld_exporter stands beside it."""
    return service.product in {"mysql", "mariadb"}


def redis(service: Service) -> bool:
    """Whether redis_exporter stands beside it."""
    return service.protocol is CallProtocol.REDIS and service.stores


def rabbit(service: Service) -> bool:
    """Whether it has RabbitMQ's plugin."""
    return service.kind is ServiceKind.QUEUE and service.product != "kafka"


def down(fits: Callable[[Service], bool], suffix: str = "-exporter") -> Callable[[Scene], Iterator[Found]]:
    """Those of a kind whose exporter gets no answer from them."""

    def find(scene: Scene) -> Iterator[Found]:
        for row in _instances(scene, fits, _GONE):
            yield Found(_scraped(scene, row, suffix), 0.0)

    return find


def connections(fits: Callable[[Service], bool]) -> Callable[[Scene], Iterator[Found]]:
    """Databases of a kind with more than four fifths of their connections in use; value: percent."""

    def find(scene: Scene) -> Iterator[Found]:
        for row, store in _store(scene, fits):
            limit = store.level("connection_limit")
            if limit and store.level("connections") > 0.8 * limit:
                yield Found(_scraped(scene, row, "-exporter"), 100 * store.level("connections") / limit)

    return find


def replication_lag(scene: Scene) -> Iterator[Found]:
    """PostgreSQL replicas more than 30 s behind; value: seconds."""
    for row, store in _store(scene, postgres):
        if store.level("lag_s") > 30:
            yield Found(_scraped(scene, row, "-exporter"), store.level("lag_s"))


def redis_memory(scene: Scene) -> Iterator[Found]:
    """Redis with more than nine tenths of its memory in use; value: percent."""
    columns = scene.assignment.tally.latest.instances
    for row in _instances(scene, redis, (Status.UP,)):
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


def ready_messages(scene: Scene) -> Iterator[Found]:
    """Queues in which more than 1,000 messages wait; value: how many."""
    return _queued(scene, lambda place: bool(scene.assignment.tally.latest.queues.depth[place] > 1_000))


def no_consumer(scene: Scene) -> Iterator[Found]:
    """Queues that nobody takes from."""
    return _queued(scene, lambda place: bool(scene.assignment.tally.latest.queues.consumers[place] < 1))


def _nodes(scene: Scene, share: Callable[[int], float], over: float) -> Iterator[Found]:
    tally = scene.assignment.tally
    for row, node in enumerate(tally.census.estate.nodes):
        if tally.latest.heard_nodes[row] and share(row) > over:
            yield Found({"job": "node", "instance": f"{node.name}:9100"}, 100 * share(row))


def out_of_memory(scene: Scene) -> Iterator[Found]:
    """Machines with less than a tenth of their memory left; value: percent in use."""
    nodes = scene.assignment.tally.latest.nodes
    return _nodes(scene, lambda row: float(nodes.memory_used[row] / max(nodes.memory_size[row], 1.0)), 0.9)


def busy(scene: Scene) -> Iterator[Found]:
    """Machines with more than four fifths of their cores in use; value: percent."""
    nodes = scene.assignment.tally.latest.nodes
    return _nodes(scene, lambda row: float(nodes.cpu_cores[row] / max(nodes.cores[row], 1.0)), 0.8)


def out_of_disk(scene: Scene) -> Iterator[Found]:
    """Machines with less than a tenth of their disk left; value: percent in use."""
    nodes = scene.assignment.tally.latest.nodes
    return _nodes(scene, lambda row: float(nodes.disk_used[row] / max(nodes.disk_size[row], 1.0)), 0.9)


def node_not_ready(scene: Scene) -> Iterator[Found]:
    """Nodes that the orchestrator calls not ready."""
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


def high_errors(scene: Scene) -> Iterator[Found]:
    """Web services that fail more than 5 % of their requests; value: percent."""
    for row, labels in _http(scene):
        share = float(scene.recent.errors[row] / scene.recent.total[row])
        if share > 0.05:
            yield Found(labels, 100 * share)


def high_latency(scene: Scene) -> Iterator[Found]:
    """Web services whose 95th percentile is above a second; value: seconds."""
    slow = scene.recent.quantile_ms(0.95)
    for row, labels in _http(scene):
        if slow[row] > 1_000:
            yield Found(labels, float(slow[row]) / 1e3)


def probe_failed(scene: Scene) -> Iterator[Found]:
    """Entries whose last visitor got no success."""
    census, calls = scene.assignment.tally.census, scene.assignment.tally.latest.calls
    for service in sorted({site.callee for site in census.sites if site.caller == OUTSIDE} & scene.assignment.services):
        entry = np.array([each.caller == OUTSIDE and each.callee == service for each in census.sites], np.bool_)
        rows = np.flatnonzero(entry[census.link_site[calls.link]])
        if len(rows) and not 200 <= http_status(Answer(calls.seen[rows[-1]])) < 400:
            url = f"https://{census.services[service].name}.example.com/"
            yield Found({"job": "blackbox", "instance": url}, 0.0)


def watchdog(scene: Scene) -> Iterator[Found]:
    """Always something."""
    del scene
    yield Found({}, 1.0)
