"""kill -9 of a process that stores telemetry: what it acknowledged is there."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.telemetry import same_batch, sample_batch

pytestmark = pytest.mark.xdist_group("kills")

KILLS = 8

WRITER = """
import asyncio, sys
from pathlib import Path
from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.telemetry import sample_batch

async def sender(store, table, lane):
    count = 0
    while True:
        count += 1
        received_at = lane * 10**9 + count
        sequence = await store.append(sample_batch(table, received_at))
        print(sequence, received_at, flush=True)

async def main(path, first):
    table = SeriesTable()
    store = SqliteTelemetryStore(path, table)
    await asyncio.gather(*(sender(store, table, first + lane) for lane in range(8)))

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""

DISK = """
import asyncio, resource, sys
from pathlib import Path
from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.telemetry import sample_batch

async def main(path):
    table = SeriesTable()
    store = SqliteTelemetryStore(path, table)
    taken = [await store.append(sample_batch(table)) for _ in range(20)]
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
    refused = 0
    for _ in range(500):
        try:
            taken.append(await store.append(sample_batch(table)))
        except Unavailable:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    taken.append(await store.append(sample_batch(table)))
    stored = [sequence async for sequence, _ in store.replay(table)]
    await store.close()
    print(refused, stored == taken)

asyncio.run(main(Path(sys.argv[1])))
"""


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def acknowledged_before_kill(path: Path, first_lane: int, after: int) -> dict[int, int]:
    """Lets a writer acknowledge `after` batches, kills it, and reads all it acknowledged: sequence → received_at."""
    with process(WRITER, str(path), str(first_lane)) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(after)]
        child.send_signal(signal.SIGKILL)
        lines += [line for line in child.stdout if line.endswith("\n")]
    return {int(sequence): int(received_at) for sequence, received_at in map(str.split, lines)}


@pytest.mark.integration
async def test_whatever_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path, chance = tmp_path / "t.db", random.Random(7)
    acknowledged: dict[int, int] = {}
    for kill in range(KILLS):
        found = await asyncio.to_thread(acknowledged_before_kill, path, kill * 100, chance.randrange(1, 400))
        assert not found.keys() & acknowledged.keys()
        acknowledged |= found
    table = SeriesTable()
    store = SqliteTelemetryStore(path, table)
    stored = {sequence: batch async for sequence, batch in store.replay(table)}
    assert {sequence: stored[sequence].received_at for sequence in acknowledged} == acknowledged
    assert list(stored) == list(range(1, len(stored) + 1))
    last = stored[max(acknowledged)]
    assert same_batch(last, table, sample_batch(table, last.received_at), table)
    await store.close()


@pytest.mark.integration
def test_a_disk_that_refuses_is_used_again_when_it_no_longer_does(tmp_path: Path) -> None:
    with process(DISK, str(tmp_path / "t.db")) as child:
        output, _ = child.communicate(timeout=60)
    refused, consistent = output.split()
    assert int(refused) > 0
    assert consistent == "True"
