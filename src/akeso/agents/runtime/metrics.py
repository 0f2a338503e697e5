"""Prometheus metrics of the agents and of the event loop."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LOOP_LAG_EVERY_S = 0.25


class AgentMetrics:
    """The metrics every agent has, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.handled = Counter("akeso_agent_messages_total", "Messages handled", ["agent"], registry=registry)
        self.failed = Counter("akeso_agent_failures_total", "Calls that raised", ["agent"], registry=registry)
        self.dropped = Counter(
            "akeso_agent_poisoned_total", "Messages given up after all retries", ["agent"], registry=registry
        )
        self.restarts = Counter(
            "akeso_agent_restarts_total", "Restarts by the supervisor", ["agent"], registry=registry
        )
        self.seconds = Histogram(
            "akeso_agent_handle_seconds",
            "Time to handle one message",
            ["agent"],
            buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.3, 1, 5),
            registry=registry,
        )
        self.loop_lag = Gauge("akeso_loop_lag_seconds", "Lateness of the event loop, newest reading", registry=registry)


async def watch_loop_lag(metrics: AgentMetrics) -> None:
    """Measures for ever how late the event loop wakes a sleeper."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(LOOP_LAG_EVERY_S)
        metrics.loop_lag.set(max(0.0, time.perf_counter() - before - LOOP_LAG_EVERY_S))
