"""kill -9 of a process that publishes and consumes: what was published is there, what was committed stays away."""

import asyncio
import random
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from akeso.adapters.buses.local import LocalBus
from akeso.ports.bus import Topic
from akeso.testing.bus import alert, take

pytestmark = [pytest.mark.xdist_group("kills"), pytest.mark.integration]

KILLS = 6
GROUP = "healer"

WORKER = """
import asyncio, sys
from pathlib import Path
from akeso.adapters.buses.local import LocalBus
from akeso.ports.bus import Topic
from akeso.testing.bus import alert

async def sender(bus, name):
    count = 0
    while True:
        count += 1
        await bus.publish(Topic.ALERTS, name, alert(f"{name}-{count}"))
        print("published", f"{name}-{count}", flush=True)

async def consumer(bus):
    async with bus.subscribe([Topic.ALERTS], "healer") as subscription:
        async for message in subscription:
            print("taken", message.payload.fingerprint, flush=True)
            await subscription.commit(message)
            print("committed", message.payload.fingerprint, flush=True)

async def main(path, life):
    bus = LocalBus(path)
    await asyncio.gather(consumer(bus), *(sender(bus, f"{life}-{lane}") for lane in range(4)))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def live(path: Path, life: int, seconds: float) -> list[tuple[str, str]]:
    """Run a worker and kill it; what it said it did."""
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(path), str(life)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    said = [worker.stdout.readline()]
    try:
        worker.wait(seconds)
    except subprocess.TimeoutExpired:
        worker.send_signal(signal.SIGKILL)
    said += worker.communicate()[0].splitlines(keepends=True)
    assert worker.returncode == -signal.SIGKILL
    words = [line.split() for line in said if line.endswith("\n")]
    return [(verb, name) for verb, name in words]


async def test_published_messages_survive_and_committed_ones_do_not_return(tmp_path: Path) -> None:
    dice = random.Random(7)
    path = tmp_path / "bus.db"
    said = [await asyncio.to_thread(live, path, life, dice.uniform(0.05, 0.6)) for life in range(KILLS)]
    published = {name for life in said for verb, name in life if verb == "published"}
    committed = {name for life in said for verb, name in life if verb == "committed"}
    for before, after in pairwise(said):
        known = {name for verb, name in before if verb == "committed"}
        assert not known & {name for verb, name in after if verb == "taken"}
    bus = LocalBus(tmp_path / "bus.db")
    await bus.publish(Topic.ALERTS, "end", alert("end"))
    left: list[str] = []
    async with bus.subscribe([Topic.ALERTS], GROUP) as subscription:
        while not left or left[-1] != "end":
            left += [m.payload.fingerprint for m in await take(subscription, 1)]
    await bus.close()
    assert len(published) > KILLS * 4
    assert len(left) == len(set(left))
    assert not committed & set(left)
    taken = {name for life in said for verb, name in life if verb == "taken"}
    assert published <= taken | set(left)
