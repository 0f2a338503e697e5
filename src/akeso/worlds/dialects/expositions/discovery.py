"""Targets as the Prometheus operator's monitors label them, and static ones for machines.

https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor
"""

from collections.abc import Callable, Iterator

import numpy as np

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Target
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.observation import Status


class Pages:
    """What expositions of single instances have in common. port: where the page is; suffix: of the job's name, where
    an exporter stands beside what it tells of."""

    port = 8080
    suffix = ""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment, self.tally = assignment, assignment.tally

    def fits(self, service: Service) -> bool:
        """Whether a service has such a page."""
        raise NotImplementedError

    def targets(self) -> list[Target]:
        """The instances that are there."""
        return list(instance_targets(self.assignment, self.fits, self.port, self.suffix))

    def answers(self, target: Target) -> bool:
        """Its process runs, does not hang, and is heard of."""
        latest = self.tally.latest
        status = latest.instances.status[target.row]
        return bool(latest.heard_instances[target.row]) and status in _ANSWERING


class ExporterPages(Pages):
    """An exporter beside the process that it tells of: it answers also when that does not."""

    suffix = "-exporter"

    def answers(self, target: Target) -> bool:
        """The exporter is heard of, and its node is up."""
        latest = self.tally.latest
        node = latest.census.instances[target.row].node
        return bool(latest.heard_instances[target.row]) and bool(latest.nodes.ready[node])

    def reaches(self, target: Target) -> bool:
        """Whether the exporter gets an answer itself."""
        return self.tally.latest.instances.status[target.row] in _ANSWERING


_ANSWERING = frozenset({int(Status.STARTING), int(Status.UP), int(Status.STOPPING)})


def instance_targets(
    assignment: Assignment, fits: Callable[[Service], bool], port: int, suffix: str = ""
) -> Iterator[Target]:
    """The instances of fitting services; those that stand alone stay targets while they are away."""
    census, status = assignment.tally.census, assignment.tally.latest.instances.status
    for row in np.flatnonzero(assignment.mine).tolist():
        instance = census.instances[row]
        service = census.services[instance.service]
        if service.kind is ServiceKind.THIRD_PARTY or not fits(service):
            continue
        if service.alone:
            host = census.estate.nodes[instance.node].name
            labels = {"job": service.name + suffix, "instance": f"{host}:{port}"}
        elif status[row] == Status.ABSENT:
            continue
        else:
            name = service.name + suffix
            labels = {"job": name, "instance": f"{instance.ip}:{port}", "namespace": service.namespace}
            labels |= {"pod": instance.name, "service": name, "endpoint": "http-metrics"}
            labels |= {"container": suffix.lstrip("-") or service.name}
        yield Target(f"{port}{suffix}/{row}/{instance.uid}", tuple(labels.items()), row)
