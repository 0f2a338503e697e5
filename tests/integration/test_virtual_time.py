"""Virtual time across processes: nothing of a process (its hashes of text, its addresses) reaches the journal."""

import hashlib
import os
import subprocess
import sys

SCRIPT = """
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


def digest(hash_seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    ended = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.split()[-1]


def test_two_processes_write_the_same_journal() -> None:
    one, other = digest(1), digest(2)
    assert len(one) == DIGEST
    assert one == other
