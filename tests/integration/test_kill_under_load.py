"""kill -9 twenty times of an Akeso that takes all it can over several protocols: what it acknowledged is there."""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import grpc
import httpx
import pytest

from akeso.adapters.telemetry.recording import Stretch, open_recording, stored_batches
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.requests.otlp import Metrics, as_json, logs_request, trace_request
from akeso.testing.requests.remote_write import first_request, first_series, snapped
from akeso.testing.servers.running import Akeso, eventually, free_port

pytestmark = [pytest.mark.xdist_group("kills"), pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 20
ROWS = 50  # in each request, all marked with the request's number
PROTOBUF = {"Content-Type": "application/x-protobuf"}
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


@dataclass
class Told:
    """What senders were told. acknowledged: protocol → numbers of requests; refused: status → how often."""

    acknowledged: dict[str, set[int]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    @property
    def total(self) -> int:
        return sum(map(len, self.acknowledged.values()))


def json_lines(number: int) -> tuple[str, bytes, Mapping[str, str]]:
    line = json.dumps({"service": "lines", "message": f"number {number}"})
    return "/api/v1/logs", "\n".join([line] * ROWS).encode(), {"Content-Type": "application/x-ndjson"}


def metrics(number: int) -> tuple[str, bytes, Mapping[str, str]]:
    told = Metrics({"service.name": "metrics"})
    for row in range(ROWS):
        told.gauge(f"gauge {row}", number, at=time.time_ns())
    return "/v1/metrics", bytes(told), PROTOBUF


def spans(number: int) -> tuple[str, bytes, Mapping[str, str]]:
    now = time.time_ns()
    made = [
        {
            "trace_id": number.to_bytes(16, "big"), "span_id": (row + 1).to_bytes(8, "big"), "name": "work",
            "start_time_unix_nano": now, "end_time_unix_nano": now + 1, "kind": 2,
        }
        for row in range(ROWS)
    ]  # fmt: skip
    return "/v1/traces", as_json(trace_request({"service.name": "spans"}, *made)), {"Content-Type": "application/json"}


def remote_write(number: int) -> tuple[str, bytes, Mapping[str, str]]:
    at = time.time_ns() // 10**6
    series = [first_series({"__name__": f"up_{row}", "job": "written"}, [(at, float(number))]) for row in range(ROWS)]
    return "/api/v1/write", snapped(first_request(*series)), {**PROTOBUF, "Content-Encoding": "snappy"}


HTTP = {"lines": json_lines, "metrics": metrics, "spans": spans, "written": remote_write}


class Senders:
    """One thread a protocol, each as fast as it is answered, until the block ends."""

    def __init__(self, akeso: Akeso, grpc_port: int) -> None:
        self.told = Told({name: set() for name in (*HTTP, "calls")})
        self._akeso, self._address = akeso, f"127.0.0.1:{grpc_port}"
        self._over, self._lock = threading.Event(), threading.Lock()

    @contextmanager
    def sending(self) -> Iterator[Told]:
        work: list[Callable[[], None]] = [lambda name=name: self._http(name) for name in HTTP]  # type: ignore[misc]
        threads = [threading.Thread(target=each) for each in (*work, self._grpc)]
        for thread in threads:
            thread.start()
        try:
            yield self.told
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _http(self, name: str) -> None:
        with self._akeso.sender() as client:
            for number in count(1):
                if self._over.is_set():
                    return
                path, body, headers = HTTP[name](number)
                try:
                    answer = client.post(path, content=body, headers=dict(headers))
                except httpx.HTTPError:
                    self._interrupted()
                    continue
                if answer.is_success:
                    self.told.acknowledged[name].add(number)
                else:
                    self._refused(str(answer.status_code) + ("" if "Retry-After" in answer.headers else " for good"))

    def _key(self) -> tuple[tuple[str, str], ...]:
        return (("x-api-key", self._akeso.sender_key),)

    def _grpc(self) -> None:
        # A channel waits longer from try to try; a new one tries at once.
        numbers = count(1)
        while not self._over.is_set():
            with grpc.insecure_channel(self._address) as channel:
                self._calls(channel.unary_unary(LOGS), numbers)

    def _calls(self, export: Callable[..., bytes], numbers: Iterator[int]) -> None:
        for number in numbers:
            if self._over.is_set():
                return
            records = [{"body": f"number {number}", "time_unix_nano": time.time_ns()}] * ROWS
            try:
                export(
                    logs_request({"service.name": "calls"}, *records).SerializeToString(),
                    metadata=self._key(),
                    timeout=20,
                )
            except grpc.RpcError as error:
                code = error.code()
                if code is grpc.StatusCode.UNAVAILABLE:
                    self._interrupted()
                    return
                self._refused(code.name)
            else:
                self.told.acknowledged["calls"].add(number)

    def _interrupted(self) -> None:
        with self._lock:
            self.told.lost += 1
        self._over.wait(0.05)

    def _refused(self, how: str) -> None:
        with self._lock:
            self.told.refused[how] += 1
        self._over.wait(0.05)


async def kept(database: Path) -> dict[str, Counter[int]]:
    """Service → number → how many rows of it are stored."""
    found: dict[str, Counter[int]] = {name: Counter() for name in (*HTTP, "calls")}
    table = SeriesTable()
    async for _, batch in stored_batches(open_recording(database), table, Stretch()):
        for logs in batch.logs:
            found[logs.service].update(int(body.removeprefix("number ")) for body in logs.body)
        for block in batch.spans:
            found[block.service].update(block.trace.tolist())
        for series, value in zip(batch.metrics.series.tolist(), batch.metrics.value.tolist(), strict=True):
            found[table[series].service][int(value)] += 1
    return found


def test_whatever_was_acknowledged_survives_twenty_kills_under_full_load(tmp_path: Path) -> None:
    port, chance = free_port(), random.Random(11)
    # What is replayed at a start is not what is looked at here.
    akeso = Akeso(tmp_path, f"grpc_port={port}", "ingestion.hot_window=1")
    try:
        with akeso.running():  # the first start writes the senders' key
            pass
        with Senders(akeso, port).sending() as told:
            for _ in range(KILLS):
                before = told.total
                akeso.start(wait=False)
                eventually(lambda before=before: told.total > before, "something is acknowledged", 60, 0.005)  # type: ignore[misc]
                time.sleep(chance.uniform(0, 0.5))
                akeso.kill()
        assert told.lost > 0
        assert all(told.acknowledged.values())
        assert set(told.refused) <= {"429", "503", "RESOURCE_EXHAUSTED"}, told.refused
        found = asyncio.run(kept(akeso.data / "telemetry.db"))
        for name, numbers in told.acknowledged.items():
            assert {number for number in numbers if found[name][number] != ROWS} == set(), name
            # What was not acknowledged may be there, but never in part.
            assert set(found[name].values()) == {ROWS}, name
        with akeso.running(), akeso.client() as client:
            assert client.get("/health").json()["status"] == "ready"
        assert "Traceback" not in akeso.log()
    finally:
        akeso.kill()
