"""Kubernetes events, as the collector's k8s_events receiver tells them: log records.

https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/k8seventsreceiver
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.collector import Export, Exporter, ExportOptions
from akeso.worlds.dialects.otel.resource import identity, workload_of
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.otlp import Value, any_value, attributes, resource, scope, scoped
from akeso.worlds.dialects.wire.protobuf import field, fixed64, number_field, text
from akeso.worlds.happening import Orchestrated
from akeso.worlds.observation import Observation

_KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "cronjob": "CronJob"}
_SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8seventsreceiver"
_ON_NODES = frozenset({"NodeNotReady", "NodeReady", "OOMKilling", "SystemOOM", "Rebooted"})


class EventOptions(BaseModel):
    """How they are exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    export: ExportOptions = ExportOptions()


class KubernetesEvents:
    """What the orchestrator says of the services in a cluster and of its nodes."""

    name: ClassVar[str] = "kubernetes_events"
    Options: ClassVar[type[BaseModel]] = EventOptions
    default_every_s: ClassVar[float] = 1.0

    def __init__(self, assignment: Assignment, options: EventOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._exporter = assignment, Exporter("logs", options.export)

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for happening in observation.happenings:
            if isinstance(happening, Orchestrated) and self._mine(happening):
                self._export(happening)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._exporter.due(now)

    def _mine(self, event: Orchestrated) -> bool:
        estate = self._assignment.estate
        row = estate.row_of.get(event.service, -1)
        return row < 0 or (row in self._assignment.services and not estate.services[row].alone)

    def _export(self, event: Orchestrated) -> None:
        kind, name, namespace, uid = self._object(event)
        pairs: dict[str, Value] = {
            "k8s.node.name": event.node,
            "k8s.object.kind": kind,
            "k8s.object.name": name,
            "k8s.object.uid": uid,
            "k8s.object.fieldpath": f"spec.containers{{{event.service}}}" if kind == "Pod" else "",
            "k8s.object.api_version": "v1" if kind in {"Pod", "Node"} else "apps/v1",
        }
        said: dict[str, Value] = {
            "k8s.event.reason": event.reason,
            "k8s.event.action": "",
            "k8s.event.start_time": str(event.at // SECOND),
            "k8s.event.name": f"{name}.{event.at:x}",
            "k8s.event.uid": identity(f"{name}/{event.reason}/{event.at}"),
            "k8s.namespace.name": namespace,
            "k8s.event.count": 1,
        }
        severity, word = (9, "Normal") if event.normal else (13, "Warning")
        record = fixed64(1, event.at) + number_field(2, severity) + text(3, word)
        record += field(5, any_value(event.message)) + attributes(6, said)
        body = resource(pairs) + scoped(scope(_SCOPE, "0.138.0"), [field(2, record)])
        self._exporter.put(Export(event.at + SECOND // 5, "otel-collector", "", body, 1))

    def _object(self, event: Orchestrated) -> tuple[str, str, str, str]:
        census = self._assignment.tally.census
        if event.instance >= 0:
            instance = census.instances[event.instance]
            service = census.services[instance.service]
            return "Pod", instance.name, service.namespace, identity(instance.uid)
        row = census.estate.row_of.get(event.service, -1)
        if row < 0 or event.reason in _ON_NODES:
            return "Node", event.node, "default", identity(event.node)
        service = census.services[row]
        return _KINDS[workload_of(service)], service.name, service.namespace, identity(service.name)
