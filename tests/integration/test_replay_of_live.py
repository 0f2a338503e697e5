"""What a running Akeso decided, and what a replay of the telemetry that it stored decides."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from akeso.testing.requests.otlp import as_json, trace_request
from akeso.testing.servers.running import Akeso, eventually, repeating, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

# Short slots, so that what is normal is known soon, which stay open long enough for a busy machine.
QUICK = ("features.slot=0.5", "features.lateness=2")
SERVER, CLIENT = 2, 3
CALLS = 10
CALM_VISITS = 160  # of ten a second


def shop(number: int, *, sick: bool) -> bytes:
    """Calls of `web` to `cart` that end now."""
    now = time.time_ns()
    took = 300_000_000 if sick else 20_000_000
    sides = (("web", SERVER, 0, 1), ("web", CLIENT, 1, 2), ("cart", SERVER, 2, 3))
    requests = []
    for service, kind, parent, own in sides:
        spans: list[dict[str, Any]] = []
        for call in range(CALLS):
            trace = number * CALLS + call + 1
            end = now - call * 1_000_000
            spans.append(
                {
                    "trace_id": trace.to_bytes(16, "big"), "span_id": (trace * 4 + own).to_bytes(8, "big"),
                    "parent_span_id": (trace * 4 + parent).to_bytes(8, "big") if parent else b"", "name": "GET /",
                    "kind": kind, "start_time_unix_nano": end - took - (trace * 7919) % 2_000_000,
                    "end_time_unix_nano": end, "failed": sick and call % 2 == 0,
                    "attributes": {"peer.service": "cart"} if kind == CLIENT else {},
                }
            )  # fmt: skip
        requests.append(json.loads(as_json(trace_request({"service.name": service}, *spans))))
    return json.dumps({"resourceSpans": [part for each in requests for part in each["resourceSpans"]]}).encode()


@contextmanager
def visitors(akeso: Akeso, ill: threading.Event) -> Iterator[list[int]]:
    """They come ten times a second; the numbers of those that were taken in."""
    numbers, taken = count(1), list[int]()
    with akeso.sender() as client:

        def send() -> None:
            number = next(numbers)
            body = shop(number, sick=ill.is_set())
            assert client.post("/v1/traces", content=body, headers=JSON).status_code == 200
            taken.append(number)

        with repeating(send):
            yield taken


JSON = {"Content-Type": "application/json"}


def diagnosed(akeso: Akeso) -> list[dict[str, Any]]:
    with akeso.client() as client:
        found = client.get("/api/v1/incidents").json()["incidents"]
    return [incident for incident in found if incident["known"]]


def told(anomalies: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    names = ("id", "service", "metric", "stat", "onset_at", "detected_at", "score")
    return {tuple(each[name] for name in names) for each in anomalies}


def test_a_replay_of_what_was_stored_decides_as_the_running_akeso_did(tmp_path: Path) -> None:
    akeso, ill = Akeso(tmp_path, *QUICK), threading.Event()
    with akeso.running():
        with visitors(akeso, ill) as taken:
            eventually(lambda: len(taken) > CALM_VISITS, "enough that is normal", 90)
            assert diagnosed(akeso) == []
            ill.set()
            (incident,) = eventually(lambda: diagnosed(akeso), "the cause is known", 60)
        assert akeso.stop() == 0
    asked = [part for setting in QUICK for part in ("--set", setting)]
    code, out, err = run_akeso(
        tmp_path, "replay", str(akeso.data / "telemetry.db"), *asked, "--json", "--out", str(tmp_path / "out")
    )
    assert code == 0, err
    (again,) = json.loads(out)["incidents"]
    assert (again["service"], again["fault_class"], again["title"]) == (
        incident["service"], incident["fault_class"], incident["title"],
    )  # fmt: skip
    lines = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    raised = [anomaly for line in lines for anomaly in json.loads(line)["raised"]]
    assert told(incident["anomalies"]) <= told(raised)
