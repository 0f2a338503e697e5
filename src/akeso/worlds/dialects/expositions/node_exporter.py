"""node_exporter. https://github.com/prometheus/node_exporter#collectors"""

from typing import ClassVar

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.estate.service import ServiceKind

_SHARES = (
    ("user", 0.7),
    ("system", 0.2),
    ("softirq", 0.06),
    ("iowait", 0.04),
    ("irq", 0.0),
    ("nice", 0.0),
    ("steal", 0.0),
)
_ROOT: Labels = (("device", "/dev/nvme0n1p1"), ("fstype", "ext4"), ("mountpoint", "/"))
_DISK: Labels = (("device", "nvme0n1"),)
_ETH: Labels = (("device", "eth0"),)


class NodeExporter:
    """`node_*` of every machine."""

    name: ClassVar[str] = "node_exporter"

    def __init__(self, assignment: Assignment) -> None:
        self._assignment, self._tally = assignment, assignment.tally
        self._modes: dict[tuple[int, str], Labels] = {}

    def targets(self) -> list[Target]:
        """All machines that carry what it tells of: as a DaemonSet where there are pods, static where a machine stands
        alone."""
        census = self._tally.census
        found: dict[int, Labels] = {}
        for instance in census.instances:
            service = census.services[instance.service]
            if instance.service in self._assignment.services and service.kind is not ServiceKind.THIRD_PARTY:
                bare = service.alone or service.kind is ServiceKind.MACHINE
                name = census.estate.nodes[instance.node].name
                found[instance.node] = _machine(name) if bare else _daemon(name, instance.node)
        return [Target(f"node/{node}", labels, node, True) for node, labels in sorted(found.items())]

    def answers(self, target: Target) -> bool:
        """The machine is there and heard of."""
        latest = self._tally.latest
        return bool(latest.heard_nodes[target.row]) and bool(latest.nodes.ready[target.row])

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        self._cpu(page, target.row)
        self._memory(page, target.row)
        self._disk(page, target.row)
        self._network(page, target.row)

    def _cpu(self, page: Page, node: int) -> None:
        nodes, begin = self._tally.latest.nodes, self._assignment.start
        cores = max(int(nodes.cores[node]), 1)
        used = float(self._tally.nodes.cpu_cores[node]) / cores
        passed = (self._tally.now - begin) / 1e9
        for core in range(cores):
            for mode, share in _SHARES:
                page.counter("node_cpu_seconds_total", used * share, self._mode(core, mode))
            page.counter("node_cpu_seconds_total", max(passed - used, 0.0), self._mode(core, "idle"))
        load = float(nodes.load1[node])
        page.gauge("node_load1", load)
        page.gauge("node_load5", load * 0.95)
        page.gauge("node_load15", load * 0.9)
        page.gauge("node_boot_time_seconds", begin / 1e9 - 864_000)
        page.gauge("node_time_seconds", self._tally.now / 1e9)
        page.counter("node_context_switches_total", float(self._tally.nodes.cpu_cores[node]) * 9_000)
        page.gauge("node_procs_running", load // 1)
        page.gauge("node_procs_blocked", 0.0)
        page.gauge("node_filefd_allocated", 4_100.0)
        page.gauge("node_filefd_maximum", 9.2e18)
        page.info("node_uname_info", (("nodename", self._tally.census.estate.nodes[node].name), ("sysname", "Linux")))

    def _mode(self, core: int, mode: str) -> Labels:
        return self._modes.setdefault((core, mode), (("cpu", str(core)), ("mode", mode)))

    def _memory(self, page: Page, node: int) -> None:
        nodes = self._tally.latest.nodes
        size, used, cache = (float(each[node]) for each in (nodes.memory_size, nodes.memory_used, nodes.page_cache))
        free = max(size - used - cache, 0.0)
        page.gauge("node_memory_MemTotal_bytes", size)
        page.gauge("node_memory_MemFree_bytes", free)
        page.gauge("node_memory_MemAvailable_bytes", free + cache * 0.9)
        page.gauge("node_memory_Cached_bytes", cache * 0.95)
        page.gauge("node_memory_Buffers_bytes", cache * 0.05)
        page.gauge("node_memory_Slab_bytes", 6e8)
        page.gauge("node_memory_Percpu_bytes", 2.4e6)
        page.gauge("node_memory_Dirty_bytes", 1.1e6)
        page.gauge("node_memory_Committed_AS_bytes", used * 1.4)
        page.gauge("node_memory_SwapTotal_bytes", 0.0)
        page.gauge("node_memory_SwapFree_bytes", 0.0)
        page.counter("node_vmstat_oom_kill", 0.0)
        page.counter("node_vmstat_pgmajfault", used // 1e7)

    def _disk(self, page: Page, node: int) -> None:
        nodes, sums = self._tally.latest.nodes, self._tally.nodes
        size, used = float(nodes.disk_size[node]), float(nodes.disk_used[node])
        page.gauge("node_filesystem_size_bytes", size, _ROOT)
        page.gauge("node_filesystem_free_bytes", max(size - used, 0.0), _ROOT)
        page.gauge("node_filesystem_avail_bytes", max(size * 0.95 - used, 0.0), _ROOT)
        page.gauge("node_filesystem_files", 6.5e6, _ROOT)
        page.gauge("node_filesystem_files_free", 6.1e6, _ROOT)
        page.gauge("node_filesystem_readonly", 0.0, _ROOT)
        busy = float(sums.disk_busy[node])
        page.counter("node_disk_io_time_seconds_total", busy, _DISK)
        page.counter("node_disk_io_time_weighted_seconds_total", busy * 1.6, _DISK)
        page.counter("node_disk_reads_completed_total", busy * 200 // 1, _DISK)
        page.counter("node_disk_writes_completed_total", busy * 900 // 1, _DISK)
        page.counter("node_disk_written_bytes_total", busy * 900 * 16_384, _DISK)
        page.counter("node_disk_read_bytes_total", busy * 200 * 16_384, _DISK)

    def _network(self, page: Page, node: int) -> None:
        sums = self._tally.nodes
        page.counter("node_network_receive_bytes_total", float(sums.net_in[node]), _ETH)
        page.counter("node_network_transmit_bytes_total", float(sums.net_out[node]), _ETH)
        page.counter("node_network_receive_errs_total", 0.0, _ETH)
        page.counter("node_network_receive_drop_total", 0.0, _ETH)
        page.gauge("node_network_up", 1.0, _ETH)
        page.counter("node_netstat_Tcp_RetransSegs", float(sums.retransmitted[node]))
        page.gauge("node_netstat_Tcp_CurrEstab", 120.0)
        page.gauge("node_sockstat_TCP_inuse", 140.0)
        page.gauge("node_timex_sync_status", 1.0)
        page.gauge("node_timex_offset_seconds", 1.2e-5)


def _machine(name: str) -> Labels:
    return ("job", "node"), ("instance", f"{name}:9100")


def _daemon(name: str, node: int) -> Labels:
    return (
        ("job", "node-exporter"),
        ("instance", f"10.0.0.{node + 10}:9100"),
        ("namespace", "monitoring"),
        ("pod", f"kube-prometheus-stack-prometheus-node-exporter-{node:05d}"),
        ("container", "node-exporter"),
        ("endpoint", "http-metrics"),
        ("service", "kube-prometheus-stack-prometheus-node-exporter"),
        ("node", name),
    )
