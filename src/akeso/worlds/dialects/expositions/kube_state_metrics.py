"""kube-state-metrics. https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics"""

from typing import ClassVar

import numpy as np

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.otel.resource import identity, workload_of
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Exited
from akeso.worlds.observation import NodeColumns, Status

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_READY = frozenset({int(Status.UP)})
_RUNNING = frozenset({int(each) for each in (Status.STARTING, Status.UP, Status.STOPPING, Status.HUNG)})
_WAITING = {int(Status.BACKING_OFF): "CrashLoopBackOff"}
_SELF: Labels = (
    ("job", "kube-state-metrics"),
    ("instance", "10.244.0.12:8080"),
    ("endpoint", "http"),
    ("namespace", "monitoring"),
    ("pod", "kube-prometheus-stack-kube-state-metrics-7d4f8b6c9-x2x7p"),
    ("container", "kube-state-metrics"),
    ("service", "kube-prometheus-stack-kube-state-metrics"),
)


class KubeStateMetrics:
    """`kube_*` of pods, their owners and nodes, with the labels of what they are about (`honor_labels`)."""

    name: ClassVar[str] = "kube_state_metrics"

    def __init__(self, assignment: Assignment) -> None:
        self._assignment, self._tally = assignment, assignment.tally
        self._labels: dict[tuple[int, str], Labels] = {}
        self._ended: dict[int, str] = {}

    def targets(self) -> list[Target]:
        """One in a cluster that has pods."""
        return [Target("kube-state-metrics", _SELF, 0, True, True)] if len(self._rows()) else []

    def answers(self, target: Target) -> bool:
        """It is heard of while any node is."""
        del target
        return bool(self._tally.latest.heard_nodes.any())

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        del target
        self._learn()
        status = self._tally.latest.instances.status
        for row in self._rows():
            if status[row] != Status.ABSENT:
                self._pod(page, row, int(status[row]))
        for row, service in enumerate(self._tally.census.services):
            if row in self._assignment.services and _orchestrated(service):
                self._workload(page, row, service)
        for node in range(len(self._tally.census.estate.nodes)):
            self._node(page, node)

    def _learn(self) -> None:
        for happening in self._tally.latest.happenings:
            if isinstance(happening, Exited):
                self._ended[happening.instance] = happening.reason

    def _rows(self) -> list[int]:
        pods = [_orchestrated(each) for each in self._tally.census.services]
        kept = np.array(pods, np.bool_)[self._tally.service_of] & self._assignment.mine
        rows: list[int] = np.flatnonzero(kept).tolist()
        return rows

    def _pod(self, page: Page, row: int, status: int) -> None:
        instance = self._tally.census.instances[row]
        service = self._tally.census.services[instance.service]
        if (row, instance.uid) not in self._labels:
            uid = identity(instance.uid)
            self._labels[row, instance.uid] = (("namespace", service.namespace), ("pod", instance.name), ("uid", uid))
        pod = self._labels[row, instance.uid]
        node = self._tally.census.estate.nodes[instance.node].name
        page.info("kube_pod_info", (*pod, ("node", node), ("pod_ip", instance.ip), ("created_by_name", service.name)))
        page.info("kube_pod_owner", (*pod, ("owner_kind", _OWNERS[workload_of(service)]), ("owner_name", service.name)))
        page.gauge("kube_pod_start_time", instance.started_at // 10**9, pod)
        for phase in _PHASES:
            page.gauge("kube_pod_status_phase", float(phase == "Running"), (*pod, ("phase", phase)))
        ready = status in _READY
        for condition, holds in (("true", ready), ("false", not ready), ("unknown", False)):
            page.gauge("kube_pod_status_ready", float(holds), (*pod, ("condition", condition)))
        self._container(page, row, status, (*pod, ("container", service.name)))

    def _container(self, page: Page, row: int, status: int, labels: Labels) -> None:
        columns = self._tally.latest.instances
        page.gauge("kube_pod_container_status_ready", float(status in _READY), labels)
        page.gauge("kube_pod_container_status_running", float(status in _RUNNING), labels)
        page.counter("kube_pod_container_status_restarts_total", float(columns.restarts[row]), labels)
        if status in _WAITING:
            page.gauge("kube_pod_container_status_waiting_reason", 1.0, (*labels, ("reason", _WAITING[status])))
        if row in self._ended:
            reason = (*labels, ("reason", self._ended[row]))
            page.gauge("kube_pod_container_status_last_terminated_reason", 1.0, reason)
        cores, memory = float(columns.cpu_limit[row]), float(columns.memory_limit[row])
        if cores:
            limit = (*labels, ("resource", "cpu"), ("unit", "core"))
            page.gauge("kube_pod_container_resource_limits", cores, limit)
            page.gauge("kube_pod_container_resource_requests", cores / 2, limit)
        if memory:
            limit = (*labels, ("resource", "memory"), ("unit", "byte"))
            page.gauge("kube_pod_container_resource_limits", memory, limit)
            page.gauge("kube_pod_container_resource_requests", memory / 2, limit)

    def _workload(self, page: Page, row: int, service: Service) -> None:
        status = self._tally.latest.instances.status[self._tally.service_of == row]
        wanted, ready = float((status != Status.ABSENT).sum()), float((status == Status.UP).sum())
        kind = workload_of(service)
        labels: Labels = (("namespace", service.namespace), (kind, service.name))
        match kind:
            case "deployment":
                page.gauge("kube_deployment_spec_replicas", wanted, labels)
                page.gauge("kube_deployment_status_replicas", wanted, labels)
                page.gauge("kube_deployment_status_replicas_available", ready, labels)
                page.gauge("kube_deployment_status_replicas_unavailable", wanted - ready, labels)
                page.gauge("kube_deployment_status_replicas_updated", wanted, labels)
            case "statefulset":
                page.gauge("kube_statefulset_replicas", wanted, labels)
                page.gauge("kube_statefulset_status_replicas_ready", ready, labels)
            case _:
                page.gauge("kube_cronjob_status_active", float((status != Status.ABSENT).sum()), labels)
        if service.autoscaling:
            scaler: Labels = (("namespace", service.namespace), ("horizontalpodautoscaler", service.name))
            page.gauge("kube_horizontalpodautoscaler_spec_max_replicas", float(service.autoscaling.most), scaler)
            page.gauge("kube_horizontalpodautoscaler_spec_min_replicas", float(service.autoscaling.least), scaler)
            page.gauge("kube_horizontalpodautoscaler_status_current_replicas", wanted, scaler)

    def _node(self, page: Page, node: int) -> None:
        name: Labels = (("node", self._tally.census.estate.nodes[node].name),)
        nodes = self._tally.latest.nodes
        ready = bool(nodes.ready[node])
        page.info("kube_node_info", (*name, ("kubelet_version", "v1.33.4")))
        for condition, good in (("Ready", ready), ("MemoryPressure", False), ("DiskPressure", _full(nodes, node))):
            for status in ("true", "false", "unknown"):
                holds = (status == "true") if good else (status == ("unknown" if condition == "Ready" else "false"))
                labels = (*name, ("condition", condition), ("status", status))
                page.gauge("kube_node_status_condition", float(holds), labels)
        page.gauge("kube_node_spec_unschedulable", 0.0, name)
        cpu = (*name, ("resource", "cpu"), ("unit", "core"))
        page.gauge("kube_node_status_allocatable", float(nodes.cores[node]), cpu)


def _full(nodes: NodeColumns, node: int) -> bool:
    used, size = float(nodes.disk_used[node]), float(nodes.disk_size[node])
    return size > 0 and used > 0.9 * size


def _orchestrated(service: Service) -> bool:
    return service.kind is not ServiceKind.THIRD_PARTY and service.kind is not ServiceKind.MACHINE and not service.alone


_OWNERS = {"deployment": "ReplicaSet", "statefulset": "StatefulSet", "cronjob": "Job"}
