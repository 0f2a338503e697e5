"""Logs pushed to Loki by Promtail or Grafana Alloy.

Labels: promtail's helm chart https://github.com/grafana/helm-charts/tree/main/charts/promtail and
https://grafana.com/docs/alloy/latest/reference/components/loki/loki.source.kubernetes/
A batch each second (`batchwait`).
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.log_gathering import Gathered, gathered
from akeso.worlds.dialects.loggers import json_line, plain_line
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.loki import entry, label_text, push
from akeso.worlds.happening import Level
from akeso.worlds.observation import Observation


class LokiOptions(BaseModel):
    """shipper: which, with its usual labels; lines: what the containers write; level: the shipper parses it into
    structured metadata (`detected_level`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shipper: Literal["promtail", "alloy"] = "alloy"
    lines: Literal["plain", "json"] = "plain"
    level: bool = False


class Loki:
    """One shipper on each node, each with the lines of its containers."""

    name: ClassVar[str] = "loki"
    Options: ClassVar[type[BaseModel]] = LokiOptions
    default_every_s: ClassVar[float] = 1.0

    def __init__(self, assignment: Assignment, options: LokiOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options, self._outbox = assignment, options, Outbox()
        self._every = round((assignment.every_s or self.default_every_s) * SECOND)
        self._waiting: dict[tuple[int, int], dict[str, list[bytes]]] = {}

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for each in gathered(self._assignment, observation):
            node = observation.census.instances[each.line.instance].node
            leave = -(-each.line.at // self._every) * self._every + node * 7_000_000
            streams = self._waiting.setdefault((leave, node), {})
            streams.setdefault(label_text(self._labels(each)), []).append(self._entry(each))
        for leave, node in sorted(key for key in self._waiting if key[0] <= observation.end):
            self._send(leave, node, self._waiting.pop((leave, node)))

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)

    def _send(self, at: int, node: int, streams: dict[str, list[bytes]]) -> None:
        shipper = self._options.shipper
        agent = "promtail/3.5.5" if shipper == "promtail" else "Alloy/v1.11.0 (linux; docker)"
        headers = {"content-type": "application/x-protobuf", "user-agent": agent}
        sender = f"{shipper}-{self._assignment.estate.nodes[node].name}"
        self._outbox.put(Delivery(at, sender, "/loki/api/v1/push", headers, push(streams)))

    def _labels(self, each: Gathered) -> dict[str, str]:
        census = self._assignment.tally.census
        instance = census.instances[each.line.instance]
        service, node = census.services[instance.service], census.estate.nodes[instance.node].name
        if service.alone:
            unit = f"{service.name}.service"
            return {"job": "systemd-journal", "unit": unit, "hostname": node, "transport": "stdout"}
        stream = "stderr" if each.line.level in {Level.ERROR, Level.FATAL} else "stdout"
        pod = {"namespace": service.namespace, "pod": instance.name, "container": service.name}
        if self._options.shipper == "alloy":
            return pod | {"app": service.name, "cluster": census.estate.cluster, "job": "loki.source.kubernetes.pods"}
        pod |= {"app": service.name, "job": f"{service.namespace}/{service.name}", "node_name": node, "stream": stream}
        return pod | {"filename": f"/var/log/pods/{service.namespace}_{instance.name}/{service.name}/0.log"}

    def _entry(self, each: Gathered) -> bytes:
        census = self._assignment.tally.census
        instance = census.instances[each.line.instance]
        service = census.services[instance.service]
        format_line = json_line if self._options.lines == "json" else plain_line
        line = format_line(service.runtime, each.written(service.name, instance.name))
        metadata = [("detected_level", str(each.line.level))] if self._options.level else []
        return entry(each.at, line, metadata)
