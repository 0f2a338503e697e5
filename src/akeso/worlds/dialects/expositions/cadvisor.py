"""cAdvisor in the kubelet: containers and pods of a node. https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md"""

from typing import ClassVar

import numpy as np

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.otel.resource import identity
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import Status

_TOTAL, _LO = (("cpu", "total"),), (("interface", "eth0"),)
_PRESENT = frozenset({int(each) for each in Status} - {int(Status.ABSENT), int(Status.DOWN), int(Status.BACKING_OFF)})


class Cadvisor:
    """`container_*` of all pods of each node, by the kubelet's `/metrics/cadvisor`."""

    name: ClassVar[str] = "cadvisor"

    def __init__(self, assignment: Assignment) -> None:
        self._assignment, self._tally = assignment, assignment.tally
        self._names: dict[tuple[int, str, int], tuple[Labels, Labels]] = {}

    def targets(self) -> list[Target]:
        """The nodes that carry pods."""
        census = self._tally.census
        nodes = sorted({census.instances[row].node for row in self._rows()})
        return [
            Target(f"cadvisor/{node}", _kubelet(census.estate.nodes[node].name), node, True, True) for node in nodes
        ]

    def answers(self, target: Target) -> bool:
        """The node is there and heard of."""
        latest = self._tally.latest
        return bool(latest.heard_nodes[target.row]) and bool(latest.nodes.ready[target.row])

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        census, status = self._tally.census, self._tally.latest.instances.status
        page.info("cadvisor_version_info", (("cadvisorRevision", ""), ("kernelVersion", "6.8.0-79-generic")))
        for row in self._rows():
            if census.instances[row].node == target.row and int(status[row]) in _PRESENT:
                container, pod = self._labels(row)
                self._container(page, row, container)
                self._pod(page, row, pod)

    def _rows(self) -> list[int]:
        services, of = self._tally.census.services, self._tally.service_of
        pods = [each.kind is not ServiceKind.THIRD_PARTY and not each.alone for each in services]
        rows: list[int] = np.flatnonzero(np.array(pods, np.bool_)[of] & self._assignment.mine).tolist()
        return rows

    def _labels(self, row: int) -> tuple[Labels, Labels]:
        instance = self._tally.census.instances[row]
        key = (row, instance.uid, int(self._tally.lives.number[row]))
        found = self._names.get(key)
        if found is None:
            service = self._tally.census.services[instance.service]
            uid = identity(instance.uid)
            group = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid.replace('-', '_')}.slice"
            life = identity(f"{instance.uid}/{key[2]}").replace("-", "")
            image = f"registry.example.com/{service.name}:{instance.version}"
            pod: Labels = (("namespace", service.namespace), ("pod", instance.name))
            whole = (("container", service.name), ("id", f"{group}/cri-containerd-{life}.scope"), ("image", image))
            found = self._names[key] = ((*whole, ("name", life), *pod), (("id", group), *pod))
        return found

    def _container(self, page: Page, row: int, labels: Labels) -> None:
        columns, sums = self._tally.latest.instances, self._tally.instances
        rss, cache = float(columns.rss[row]), float(columns.page_cache[row])
        page.counter("container_cpu_usage_seconds_total", float(sums.cpu_s[row]), (*labels, *_TOTAL))
        page.gauge("container_memory_usage_bytes", rss + cache, labels)
        page.gauge("container_memory_working_set_bytes", rss + cache * 0.2, labels)
        page.gauge("container_memory_rss", rss, labels)
        page.gauge("container_memory_cache", cache, labels)
        page.gauge("container_spec_memory_limit_bytes", float(columns.memory_limit[row]), labels)
        page.gauge("container_processes", 1.0, labels)
        page.gauge("container_threads", float(columns.threads[row]), labels)
        page.gauge("container_file_descriptors", float(columns.fds[row]), labels)
        page.gauge("container_start_time_seconds", float(self._tally.lives.began[row]) // 1e9, labels)
        page.gauge("container_last_seen", self._tally.now // 1e9, labels)
        page.counter("container_fs_reads_bytes_total", float(sums.disk_read[row]), labels)
        page.counter("container_fs_writes_bytes_total", float(sums.disk_written[row]), labels)
        page.counter("container_oom_events_total", 0.0, labels)
        cores = float(columns.cpu_limit[row])
        if cores:
            self._quota(page, row, labels, cores)

    def _quota(self, page: Page, row: int, labels: Labels, cores: float) -> None:
        throttled = float(self._tally.instances.throttled_s[row])
        page.gauge("container_spec_cpu_period", 100_000.0, labels)
        page.gauge("container_spec_cpu_quota", cores * 100_000, labels)
        periods = (self._tally.now - float(self._tally.lives.began[row])) // 1e8
        page.counter("container_cpu_cfs_periods_total", periods, labels)
        page.counter("container_cpu_cfs_throttled_periods_total", throttled * 10 // 1, labels)
        page.counter("container_cpu_cfs_throttled_seconds_total", throttled, labels)

    def _pod(self, page: Page, row: int, labels: Labels) -> None:
        sums = self._tally.instances
        page.counter("container_network_receive_bytes_total", float(sums.net_in[row]), (*labels, *_LO))
        page.counter("container_network_transmit_bytes_total", float(sums.net_out[row]), (*labels, *_LO))
        page.counter("container_network_receive_packets_dropped_total", 0.0, (*labels, *_LO))
        page.counter("container_network_receive_errors_total", 0.0, (*labels, *_LO))
        page.counter("container_cpu_usage_seconds_total", float(sums.cpu_s[row]), (*labels, *_TOTAL))
        rss = float(self._tally.latest.instances.rss[row])
        page.gauge("container_memory_working_set_bytes", rss + 5e5, labels)


def _kubelet(node: str) -> Labels:
    return (
        ("job", "kubelet"),
        ("instance", f"{node}:10250"),
        ("endpoint", "https-metrics"),
        ("metrics_path", "/metrics/cadvisor"),
        ("node", node),
        ("service", "kube-prometheus-stack-kubelet"),
    )
