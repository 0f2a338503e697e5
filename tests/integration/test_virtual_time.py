"""Virtual time across processes: nothing of a process (its hashes of text, its addresses) reaches the journal."""

import hashlib
import os
import subprocess
import sys

import pytest

WORLD = """
import hashlib
from akeso.worlds.living import Order, live
from akeso.worlds.opening import open_world
from akeso.worlds.shipped import find_world
from akeso.worlds.spec import Planned

world = open_world(find_world("small-shop"), 5)
world.plan(Planned("crash", 90.0, "cart"))
print(hashlib.sha256(live(world, Order(180.0)).journal).hexdigest())
"""

SHOP = """
import hashlib
from akeso.testing.worlds import SECOND, START, Shop
from akeso.worlds.running.run import play
from akeso.worlds.running.setting import Setup

async def script(run):
    await run.live_until(START + 90 * SECOND)
    return await run.journal()

print(hashlib.sha256(play(Shop(40), Setup(bound=("cart", "pay", "web")), script)).hexdigest())
"""
DIGEST = len(hashlib.sha256().hexdigest())


def digest(script: str, hash_seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.split()[-1]


@pytest.mark.parametrize("script", [SHOP, WORLD], ids=["a scripted shop", "a simulated world in every dialect"])
def test_two_processes_write_the_same_journal(script: str) -> None:
    one, other = digest(script, 1), digest(script, 2)
    assert len(one) == DIGEST
    assert one == other
