"""What client libraries tell of their own process.

https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics and client_golang's collectors
"""

from akeso.worlds.dialects.expositions.page import Page
from akeso.worlds.dialects.tally.tally import Tally

_GENERATIONS = tuple((("generation", str(each)),) for each in range(3))
_QUANTILES = tuple((("quantile", each),) for each in ("0", "0.25", "0.5", "0.75", "1"))
_GO, _PYTHON = (("version", "go1.25.1"),), (("implementation", "CPython"), ("major", "3"), ("minor", "12"))


def write_process(page: Page, tally: Tally, row: int) -> None:
    """`process_*` of the process in a row."""
    columns = tally.latest.instances
    page.gauge("process_virtual_memory_bytes", float(columns.rss[row]) * 3 + 4e8)
    page.gauge("process_resident_memory_bytes", float(columns.rss[row]))
    page.gauge("process_start_time_seconds", float(tally.lives.began[row]) / 1e9)
    page.counter("process_cpu_seconds_total", float(tally.instances.cpu_s[row]))
    page.gauge("process_open_fds", float(columns.fds[row]))
    page.gauge("process_max_fds", float(columns.fd_limit[row]) or 1_048_576.0)


def write_python(page: Page, tally: Tally, row: int) -> None:
    """prometheus_client's default collectors. https://prometheus.github.io/client_python/collector/"""
    collected = float(tally.instances.gc_count[row])
    for place, labels in enumerate(_GENERATIONS):
        page.counter("python_gc_objects_collected_total", collected * 41 // 10**place, labels)
    for place, labels in enumerate(_GENERATIONS):
        page.counter("python_gc_collections_total", collected // 10**place, labels)
    page.info("python_info", _PYTHON)
    write_process(page, tally, row)


def write_go(page: Page, tally: Tally, row: int) -> None:
    """client_golang's Go collector. https://pkg.go.dev/github.com/prometheus/client_golang/prometheus/collectors"""
    columns, sums = tally.latest.instances, tally.instances
    count, pauses = float(sums.gc_count[row]), float(sums.gc_s[row])
    for place, labels in enumerate(_QUANTILES):
        page.quantile("go_gc_duration_seconds", pauses / max(count, 1.0) * (0.2 + 0.4 * place), labels)
    page.summary("go_gc_duration_seconds", count, pauses)
    heap = float(columns.heap[row])
    page.gauge("go_goroutines", float(columns.in_flight[row]) * 2 + 12)
    page.info("go_info", _GO)
    page.gauge("go_memstats_alloc_bytes", heap)
    page.counter("go_memstats_alloc_bytes_total", heap + count * 4e6)
    page.gauge("go_memstats_heap_alloc_bytes", heap)
    page.gauge("go_memstats_heap_idle_bytes", heap * 0.4)
    page.gauge("go_memstats_heap_inuse_bytes", heap * 1.08)
    page.gauge("go_memstats_heap_objects", heap // 90)
    page.gauge("go_memstats_next_gc_bytes", float(columns.heap_after_gc[row]) * 2)
    page.gauge("go_memstats_sys_bytes", float(columns.rss[row]) * 1.1)
    page.gauge("go_memstats_last_gc_time_seconds", tally.now / 1e9 - 1.0)
    page.gauge("go_threads", float(columns.threads[row]))
    write_process(page, tally, row)


def write_exporter(page: Page, tally: Tally, key: str) -> None:
    """An exporter written in Go tells of itself as well, under its own small process."""
    size = 1.4e7 + len(key) * 5e4
    page.gauge("go_goroutines", 9.0)
    page.info("go_info", _GO)
    page.gauge("go_memstats_alloc_bytes", size / 4)
    page.gauge("go_threads", 8.0)
    page.gauge("process_virtual_memory_bytes", 1.27e9)
    page.gauge("process_resident_memory_bytes", size)
    page.counter("process_cpu_seconds_total", (tally.now / 1e9 - 1.78e9) * 2e-3 if tally.now > 1.78e18 else 0.0)
    page.gauge("process_open_fds", 10.0)
    page.gauge("process_max_fds", 1_048_576.0)
