"""One tenant's flood over real sockets: it is told to come back, and another tenant's trickle goes through."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from akeso.testing.servers.running import Akeso

pytestmark = [pytest.mark.xdist_group("kills"), pytest.mark.integration, pytest.mark.timeout(120)]

SENDERS = 12
LASTS_S = 6.0
# A flood of bodies of 1 MB, each of a thousand lines, has to be more than may be in memory at once.
SMALL = ("ingestion.request_bytes=8000000", "ingestion.publish_queue_bytes=16000000")
LINES = {"Content-Type": "application/x-ndjson"}


class Flood:
    """What one tenant sends as fast as it can, and what it was told."""

    def __init__(self, akeso: Akeso, key: str) -> None:
        self.told: Counter[int] = Counter()
        self.without_retry_after = 0
        self._akeso, self._key, self._over = akeso, key, threading.Event()
        chance = random.Random(1)
        line = {"service": "loud", "message": ""}
        self._body = "\n".join(json.dumps(line | {"message": f"{n} {chance.randbytes(500).hex()}"}) for n in range(900))

    @contextmanager
    def rising(self) -> Iterator["Flood"]:
        threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _send(self) -> None:
        with self._akeso.client(self._key) as client:
            while not self._over.is_set():
                answer = client.post("/api/v1/logs", content=self._body, headers=LINES, timeout=60)
                self.told[answer.status_code] += 1
                self.without_retry_after += answer.status_code != 202 and "Retry-After" not in answer.headers


def test_a_flood_is_told_to_come_back_and_starves_nobody(tmp_path: Path) -> None:
    akeso = Akeso(tmp_path, *SMALL)
    with akeso.running():
        loud, quiet = (akeso.new_key(name, "ingest", name) for name in ("loud", "quiet"))
        answered = 0
        with Flood(akeso, loud).rising() as flood, akeso.client(quiet) as client:
            until = time.monotonic() + LASTS_S
            while time.monotonic() < until:
                answer = client.post("/api/v1/logs", json={"service": "quiet", "message": "still here"})
                answered += 1
                assert answer.status_code == 202, answer.text
                time.sleep(0.05)
        assert set(flood.told) == {202, 429}
        assert flood.without_retry_after == 0
        assert answered > 10
        with akeso.client() as client:
            numbers = dict(line.split() for line in client.get("/metrics").text.splitlines() if line[:1] != "#")
        assert float(numbers["akeso_ingest_bodies_bytes"]) == 0
        viewer = akeso.new_key("looks", "viewer", "quiet")
        with akeso.client(viewer) as client:
            (group,) = client.get("/api/v1/telemetry/logs").json()["templates"]
        assert (group["service"], group["count"]) == ("quiet", answered)
        assert "Traceback" not in akeso.log()
