"""A running Akeso pulls logs and traces over real sockets, from servers of this test.

There is no Loki and no Jaeger here: the servers answer in the shapes that these two document.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.testing.recorded.stored import stored_batches
from akeso.testing.servers.running import Akeso, eventually, free_port, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

Query = dict[str, str]


class Backend:
    """A server that can be dead for a while. answers: path → what makes the answer of a query."""

    def __init__(self, answers: dict[str, Callable[[Query], object]]) -> None:
        self.port, self.answers = free_port(), answers
        self.asked: list[tuple[float, str, Query, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def queries(self, path: str) -> list[Query]:
        return [query for _, asked, query, _ in self.asked if asked == path]

    @contextmanager
    def alive(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever, daemon=True)
        thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        server = asyncio.run_coroutine_threadsafe(start, loop).result(5)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.split("\r\n")
        target = urlsplit(first.split(" ")[1])
        headers = dict(line.lower().split(": ", 1) for line in rest if ": " in line)
        query = dict(parse_qsl(target.query))
        self.asked.append((time.monotonic(), target.path, query, headers))
        body = json.dumps(self.answers[target.path](query)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()


def loki_lines(query: Query) -> object:
    """One line at each half second of the span that is asked for."""
    half = NANOSECONDS // 2
    start, end = int(query["start"]), int(query["end"])
    values = [[str(at), f"order {at // half} placed"] for at in range(-(-start // half) * half, end, half)]
    result = [{"stream": {"service_name": "cart", "level": "info"}, "values": values}]
    return {"status": "success", "data": {"resultType": "streams", "result": result if values else [], "stats": {}}}


def jaeger_traces(query: Query) -> object:
    """One trace a second: the front calls the cart."""
    first, last = int(query["start"]) // 10**6 + 1, int(query["end"]) // 10**6
    return {"data": [trace(second) for second in range(first, last + 1)], "total": 0, "limit": 0, "errors": None}


def trace(second: int) -> dict[str, Any]:
    identity = f"{second:032x}"
    child = {"refType": "CHILD_OF", "traceID": identity, "spanID": f"{2 * second:016x}"}

    def span(number: int, process: str, kind: str, **more: object) -> dict[str, Any]:
        tags = [{"key": "span.kind", "type": "string", "value": kind}]
        plain = {"operationName": "GET /", "startTime": second * 10**6, "duration": 2000, "references": []}
        return plain | {"traceID": identity, "spanID": f"{number:016x}", "processID": process, "tags": tags} | more

    return {
        "traceID": identity,
        "spans": [span(2 * second, "p1", "client"), span(2 * second + 1, "p2", "server", references=[child])],
        "processes": {"p1": {"serviceName": "front", "tags": []}, "p2": {"serviceName": "cart", "tags": []}},
    }


LOKI: dict[str, Callable[[Query], object]] = {"/loki/api/v1/query_range": loki_lines}
JAEGER: dict[str, Callable[[Query], object]] = {
    "/api/services": lambda _: {"data": ["front", "cart"], "total": 2},
    "/api/traces": jaeger_traces,
    "/api/dependencies": lambda _: {"data": [{"parent": "cart", "child": "ledger", "callCount": 60}]},
}


def pulling(kind: str, url: str, more: str = "") -> str:
    return f'pull=[{{kind="{kind}", url="{url}", every=1, delay=1{more}}}]'


def metrics(akeso: Akeso) -> dict[str, float]:
    text = httpx.get(f"{akeso.url}/metrics", trust_env=False, verify=False).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def stored(akeso: Akeso) -> list[TelemetryBatch]:
    return asyncio.run(stored_batches(akeso.data))


def test_lines_of_loki_are_stored_once_each_though_it_was_dead_for_a_while(tmp_path: Path) -> None:
    loki = Backend(LOKI)
    akeso = Akeso(tmp_path, pulling("loki", loki.url, ', headers={X-Scope-OrgID="shop"}'))
    name = f'{{endpoint="loki 127.0.0.1:{loki.port}"}}'
    with akeso.running():
        eventually(lambda: metrics(akeso).get(f"akeso_pull_failures_total{name}", 0) >= 1, "failures")
        with loki.alive():
            eventually(lambda: metrics(akeso).get(f"akeso_pull_samples_total{name}", 0) >= 10, "lines")
        assert akeso.ready()
    lines = [line for batch in stored(akeso) for block in batch.logs for line in block.body]
    numbers = sorted(int(line.split(" ")[1]) for line in lines)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) >= 10
    assert {headers["x-scope-orgid"] for _, _, _, headers in loki.asked} == {"shop"}
    times = [at for at, *_ in loki.asked]
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.9


def test_traces_and_dependencies_of_jaeger_become_spans_and_topology(tmp_path: Path) -> None:
    declared = tmp_path / "topology.yaml"
    declared.write_text("edges: [{caller: ledger, callee: archive, asynchronous: true}]\n")
    jaeger = Backend(JAEGER)
    akeso = Akeso(tmp_path / "akeso", pulling("jaeger", jaeger.url), f"topology={declared}")
    with jaeger.alive(), akeso.running(), akeso.client() as viewer:

        def edges() -> dict[tuple[str, str], dict[str, Any]]:
            found = viewer.get("/api/v1/topology").json()["edges"]
            return {(each["caller"], each["callee"]): each for each in found}

        wanted = {("front", "cart"), ("cart", "ledger"), ("ledger", "archive")}
        eventually(lambda: edges().keys() >= wanted, "the topology")
        assert edges()["cart", "ledger"]["rate"] == pytest.approx(1.0)
        assert edges()["ledger", "archive"]["asynchronous"] is True
        ids = [span for batch in stored(akeso) for block in batch.spans for span in block.span.tolist()]
    assert len(ids) == len(set(ids)) > 4
    assert len(jaeger.queries("/api/dependencies")) == 1


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ('pull=[{kind="graphite", url="http://x"}]', "pull.graphite x"),
        ('pull=[{kind="loki", url="x"}]', "pull.0.url"),
        ('pull=[{kind="loki", url="http://x", every=0.1}]', "pull.0.every"),
        ('pull=[{kind="loki", url="http://x", quary="y"}]', "quary"),
        ('pull=[{kind="loki", url="http://x"}, {kind="loki", url="http://x"}]', "a name each"),
    ],
)
def test_a_wrong_endpoint_is_refused_at_the_start(tmp_path: Path, setting: str, place: str) -> None:
    listeners = ("--port", "0", "--set", "grpc_port=0", "--set", "otlp_http_port=0")
    code, _, said = run_akeso(tmp_path, "up", "--data", str(tmp_path), *listeners, "--set", setting)
    assert code != 0
    assert place in said.replace("\n", " ")
    assert "Traceback" not in said
