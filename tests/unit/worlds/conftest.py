"""A small shop that every test of worlds may use."""

import pytest

from akeso.worlds.document import read_world
from akeso.worlds.spec import WorldSpec

SHOP = """
world: a small shop
start: 2026-03-02T10:00:00Z
services:
  - {name: web, kind: gateway, product: nginx, replicas: 2, concurrency: 256, pool: 0, start: 2s, cores: 0.5, alone:
  false,
     operations: [{name: GET /, cpu_ms: 0.5, wait_ms: 0.2, calls: [{to: cart, timeout: 3s, operation: GET /cart}]},
                  {name: POST /orders, cpu_ms: 0.5, wait_ms: 0.2, calls: [{to: orders, timeout: 5s}]}]}
  - {name: cart, runtime: java, replicas: 3, cores: 0.4, concurrency: 12, pool: 8, start: 5s, memory_mb: 400,
     operations: [{name: GET /cart, cpu_ms: 6, calls: [{to: cache, operation: GET, timeout: 500ms, optional: true},
                    {to: db, operation: SELECT, cached_by: cache}, {to: prices, timeout: 2s, retries: 1}]},
                  {name: PUT /cart, cpu_ms: 4, calls: [{to: db, operation: INSERT}]}]}
  - {name: prices, runtime: node, replicas: 2, cores: 0.4, concurrency: 12, pool: 8, start: 5s, memory_mb: 300,
     operations: [{name: GET /prices, cpu_ms: 5, calls: [{to: db, operation: SELECT}]}]}
  - {name: orders, runtime: python, replicas: 2, cores: 0.4, concurrency: 12, pool: 8, start: 5s, memory_mb: 300,
     operations: [{name: POST /orders, cpu_ms: 8, calls: [{to: db, operation: INSERT}, {to: cart, operation: PUT /cart},
                    {to: pay, timeout: 3s, fallback: true}, {to: rabbit, operation: orders.created}]}]}
  - {name: db, kind: database, product: postgresql, replicas: 2, cores: 2, memory_mb: 4096, concurrency: 200, pool: 0,
     start: 6s, disk_gb: 20, connection_limit: 100,
     operations: [{name: SELECT, cpu_ms: 1.5, wait_ms: 1}, {name: INSERT, cpu_ms: 1, wait_ms: 2, writes_kb: 8}]}
  - {name: cache, kind: cache, product: redis, replicas: 1, cores: 1, memory_mb: 512, concurrency: 256, pool: 0, start:
  3s,
     operations: [{name: GET, cpu_ms: 0.05, wait_ms: 0.1}]}
  - {name: rabbit, kind: queue, product: rabbitmq, replicas: 1, cores: 1, memory_mb: 1024, concurrency: 256, pool: 0,
     disk_gb: 10, operations: [{name: orders.created, cpu_ms: 0.1, wait_ms: 0.4, writes_kb: 2}]}
  - {name: packer, kind: worker, consumes: [rabbit, orders.created], replicas: 2, cores: 0.3, concurrency: 4, start: 5s,
     operations: [{name: pack, cpu_ms: 15, wait_ms: 10, calls: [{to: db, operation: INSERT}]}]}
  - {name: pay, kind: third_party, replicas: 1, operations: [{name: POST /charge, cpu_ms: 0.01, wait_ms: 60}]}
  - {name: report, kind: batch, replicas: 1, schedule: {every: 5m, lasts: 60s}, start: 2s,
     operations: [{name: work, cpu_ms: 40, calls: [{to: db, operation: SELECT, mean: 2}]}]}
  - {name: fleet, kind: machine, replicas: 3, cores: 4, memory_mb: 8192, concurrency: 32, pool: 0, alone: true,
  disk_gb: 50,
     operations: [{name: work, cpu_ms: 20, wait_ms: 2}]}
traffic:
  - {to: web, operation: GET /, rate: 25, daily: 0.3, retries: 1}
  - {to: web, operation: POST /orders, rate: 6, daily: 0.3}
  - {to: report, rate: 4}
  - {to: fleet, rate: 60}
"""


@pytest.fixture(scope="session")
def shop() -> WorldSpec:
    """Gateway, services, database, cache, queue and worker, a provider, a job and a fleet; nothing is planned."""
    return read_world(SHOP)
