"""A real file system without room: what is not acknowledged is not there, and all goes on when there is room again."""

import asyncio
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from akeso.adapters.telemetry.recording import Stretch, open_recording, stored_batches
from akeso.adapters.telemetry.sqlite import SqliteTelemetryOptions, SqliteTelemetryStore
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.servers.running import Akeso, eventually
from akeso.testing.telemetry import noisy_batch

pytestmark = pytest.mark.integration

MB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs to be allowed to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def stored(database: Path) -> list[tuple[int, int]]:
    """Sequence and size of everything in a telemetry database."""
    table = SeriesTable()
    return [
        (sequence, len(batch)) async for sequence, batch in stored_batches(open_recording(database), table, Stretch())
    ]


async def fill(store: SqliteTelemetryStore, table: SeriesTable) -> int:
    """Appends until that is refused; how many were taken."""
    taken = 0
    while True:
        try:
            taken = await store.append(noisy_batch(table, taken + 1, 8_000))
        except Unavailable:
            return taken


async def test_forgetting_makes_room_on_a_disk_that_is_full_to_the_last_byte(small_disk: Path) -> None:
    table = SeriesTable()
    options = SqliteTelemetryOptions(reserve_bytes=8 * MB)
    store = SqliteTelemetryStore(small_disk / "t.db", table, options)
    taken = await fill(store, table)
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))
    with pytest.raises(Unavailable):
        await store.append(noisy_batch(table, 1, 8_000))
    assert await store.prune(taken // 2) == taken // 2 - 1
    again = [await store.append(noisy_batch(table, at, 8_000)) for at in range(taken, taken + 20)]
    await store.close()
    assert [sequence for sequence, _ in await stored(small_disk / "t.db")] == [*range(taken // 2, taken + 1), *again]


@pytest.mark.timeout(120)
def test_senders_are_told_to_come_back_and_find_room_when_there_is_some(small_disk: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    (small_disk / "filler").write_bytes(bytes(28 * MB))
    akeso = Akeso(tmp_path / "akeso")
    akeso.data = small_disk / "data"
    answers: list[httpx.Response] = []

    def send(client: httpx.Client) -> int:
        line = json.dumps({"service": "cart", "message": chance.randbytes(100_000).hex()})
        answers.append(
            client.post("/api/v1/logs", content=f"{line}\n{line}", headers={"Content-Type": "application/x-ndjson"})
        )
        return answers[-1].status_code

    with akeso.running(), akeso.sender() as client:
        eventually(lambda: send(client) != 202, "the disk is full", every_s=0)
        for _ in range(5):
            send(client)
        assert client.get("/api/v1/health/live").status_code == 200
        refused = [answer for answer in answers if answer.status_code != 202]
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
        (small_disk / "filler").unlink()
        eventually(lambda: send(client) == 202, "there is room again")
        assert "Traceback" not in akeso.log()
    found = asyncio.run(stored(small_disk / "data" / "telemetry.db"))
    assert [size for _, size in found] == [2] * sum(answer.status_code == 202 for answer in answers)
