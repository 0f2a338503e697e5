"""Settings of gunicorn."""

from typing import Any

from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

workers = 2
threads = 8
accesslog = "-"


def child_exit(_server: Any, worker: Any) -> None:
    GunicornInternalPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)
