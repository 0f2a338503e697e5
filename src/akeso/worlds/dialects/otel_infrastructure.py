"""Machines and pods by OpenTelemetry collectors: the hostmetrics and the kubeletstats receiver, one agent a node.

https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/hostmetricsreceiver (60 s) and
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/kubeletstatsreceiver (20 s)
"""

from functools import cached_property
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.collector import Export, Exporter, ExportOptions
from akeso.worlds.dialects.otel.resource import kubernetes_resource
from akeso.worlds.dialects.otel.runtime_metrics import Reading, Writer
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.otlp import Metrics, Value, resource, scope, scoped
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import Observation

_SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/"
_UPTIME = 10 * 86_400 * SECOND
_SHARES = (("user", 0.7), ("system", 0.2), ("softirq", 0.06), ("wait", 0.04))


class InfrastructureOptions(BaseModel):
    """pods: the kubeletstats receiver as well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pods: bool = True
    export: ExportOptions = ExportOptions()


class OtelInfrastructure:
    """`system.*` of every machine that carries its services, `k8s.pod.*` and `container.*` of their pods."""

    name: ClassVar[str] = "otel_infrastructure"
    Options: ClassVar[type[BaseModel]] = InfrastructureOptions
    default_every_s: ClassVar[float] = 60.0

    def __init__(self, assignment: Assignment, options: InfrastructureOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options = assignment, options
        self._exporter = Exporter("metrics", options.export)
        self._every = round((assignment.every_s or self.default_every_s) * SECOND)

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        nodes = observation.nodes
        for node, at in list(self._next.items()):
            if at > observation.end:
                continue
            self._next[node] = at + ((observation.end - at) // self._every + 1) * self._every
            if observation.heard_nodes[node] and nodes.ready[node]:
                self._machine(node, at)
                if self._options.pods:
                    self._pods(node, at)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._exporter.due(now)

    @cached_property
    def _next(self) -> dict[int, int]:
        census = self._assignment.tally.census
        nodes = sorted({census.instances[row].node for row in self._rows})
        phases = self._assignment.random.integers(1, self._every, len(nodes)).tolist()
        return {node: self._assignment.start + phase for node, phase in zip(nodes, phases, strict=True)}

    @cached_property
    def _rows(self) -> list[int]:
        services = self._assignment.tally.census.services
        own = np.array([each.kind is not ServiceKind.THIRD_PARTY for each in services], np.bool_)
        rows: list[int] = np.flatnonzero(own[self._assignment.tally.service_of] & self._assignment.mine).tolist()
        return rows

    def _machine(self, node: int, at: int) -> None:
        metrics, census = Metrics(), self._assignment.tally.census
        latest, sums = self._assignment.tally.latest, self._assignment.tally.nodes
        writer = Writer(
            metrics,
            Reading(latest.instances, self._assignment.tally.instances, 0, self._assignment.start - _UPTIME, at),
        )
        cores = max(int(latest.nodes.cores[node]), 1)
        used = float(sums.cpu_cores[node]) / cores
        idle = max((at - self._assignment.start) / 1e9 - used, 0.0)
        for core in range(cores):
            for state, share in _SHARES:
                writer.counter("system.cpu.time", "s", used * share, ("cpu", f"cpu{core}"), ("state", state))
            writer.counter("system.cpu.time", "s", idle, ("cpu", f"cpu{core}"), ("state", "idle"))
        load = float(latest.nodes.load1[node])
        for minutes, factor in (("1m", 1.0), ("5m", 0.95), ("15m", 0.9)):
            writer.gauge(f"system.cpu.load_average.{minutes}", "{thread}", load * factor)
        self._volumes(writer, node)
        for direction, total in (("receive", sums.net_in[node]), ("transmit", sums.net_out[node])):
            labels: tuple[tuple[str, Value], ...] = (("device", "eth0"), ("direction", direction))
            writer.counter("system.network.io", "By", int(total), *labels)
        name = census.estate.nodes[node].name
        pairs: dict[str, Value] = {"host.name": name, "os.type": "linux", "k8s.node.name": name}
        self._put(at, name, pairs, "hostmetricsreceiver", metrics)

    def _volumes(self, writer: Writer, node: int) -> None:
        nodes = self._assignment.tally.latest.nodes
        used, cached, size = (float(each[node]) for each in (nodes.memory_used, nodes.page_cache, nodes.memory_size))
        for state, value in (("used", used), ("cached", cached), ("free", max(size - used - cached, 0.0))):
            writer.updown("system.memory.usage", "By", value, ("state", state))
        root: tuple[tuple[str, Value], ...] = (("device", "/dev/nvme0n1p1"), ("mountpoint", "/"), ("type", "ext4"))
        full, whole = float(nodes.disk_used[node]), float(nodes.disk_size[node])
        for state, value in (("used", full), ("free", max(whole - full, 0.0)), ("reserved", whole * 0.05)):
            writer.updown("system.filesystem.usage", "By", value, *root, ("state", state))
        busy = float(self._assignment.tally.nodes.disk_busy[node])
        writer.counter("system.disk.io_time", "s", busy, ("device", "nvme0n1"))

    def _pods(self, node: int, at: int) -> None:
        tally = self._assignment.tally
        census, columns = tally.census, tally.latest.instances
        running = columns.running
        for row in self._rows:
            instance = census.instances[row]
            if instance.node != node or not running[row] or census.services[instance.service].alone:
                continue
            metrics = Metrics()
            writer = Writer(metrics, Reading(columns, tally.instances, row, int(tally.lives.began[row]), at))
            for prefix in ("k8s.pod", "container"):
                _usage(writer, prefix)
            for direction, name in (("receive", "net_in"), ("transmit", "net_out")):
                labels: tuple[tuple[str, Value], ...] = (("interface", "eth0"), ("direction", direction))
                writer.counter("k8s.pod.network.io", "By", int(writer.reading.total(name)), *labels)
            pairs = kubernetes_resource(tally, row)
            self._put(at, census.estate.nodes[node].name, pairs, "kubeletstatsreceiver", metrics)

    def _put(self, at: int, sender: str, pairs: dict[str, Value], receiver: str, metrics: Metrics) -> None:
        body = resource(pairs) + scoped(scope(_SCOPE + receiver, "0.138.0"), metrics.fields())
        self._exporter.put(Export(at, f"otel-agent-{sender}", "", body, metrics.points))


def _usage(writer: Writer, prefix: str) -> None:
    reading = writer.reading
    rss, cache = reading.level("rss"), reading.level("page_cache")
    writer.gauge(f"{prefix}.cpu.usage", "{cpu}", reading.level("cpu_s"))
    writer.counter(f"{prefix}.cpu.time", "s", reading.total("cpu_s"))
    writer.gauge(f"{prefix}.memory.usage", "By", int(rss + cache))
    writer.gauge(f"{prefix}.memory.working_set", "By", int(rss + cache * 0.2))
    writer.gauge(f"{prefix}.memory.rss", "By", int(rss))
    if reading.level("memory_limit"):
        writer.gauge(f"{prefix}.memory.available", "By", int(max(reading.level("memory_limit") - rss, 0.0)))
