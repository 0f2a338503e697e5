"""kill -9 of a process that writes the journal: what was acknowledged is there, and the chain holds."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from akeso.adapters.journals.sql import SqlJournal

pytestmark = [pytest.mark.xdist_group("kills"), pytest.mark.integration]

KILLS = 6

WRITER = """
import asyncio, sys
from akeso.adapters.journals.sql import SqlJournal
from akeso.domain.incident.events import AnalysisStarted
from akeso.testing.journal import Scribe

async def writer(journal, name):
    scribe = Scribe(journal, name)
    entry = await scribe.detect()
    while True:
        print(entry.sequence, entry.hash, flush=True)
        entry = await scribe.write(AnalysisStarted(name))

async def main(url, life):
    journal = await SqlJournal.open(url)
    await asyncio.gather(*(writer(journal, f"{life}-{lane}") for lane in range(3)))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def live(url: str, life: int, seconds: float) -> dict[int, str]:
    """Run a writer and kill it; the lines it was told are durable."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(life)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline()]
    try:
        writer.wait(seconds)
    except subprocess.TimeoutExpired:
        writer.send_signal(signal.SIGKILL)
    said += writer.communicate()[0].splitlines(keepends=True)
    assert writer.returncode == -signal.SIGKILL
    return {int(sequence): digest for sequence, digest in (line.split() for line in said if line.endswith("\n"))}


async def test_acknowledged_lines_survive_and_the_chain_holds(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'akeso.db'}"
    dice = random.Random(11)
    acknowledged: dict[int, str] = {}
    for life in range(KILLS):
        acknowledged |= await asyncio.to_thread(live, url, life, dice.uniform(0.05, 0.6))
        journal = await SqlJournal.open(url)
        lines = await journal.verify()
        written = {entry.sequence: entry.hash async for entry in journal.all_entries()}
        assert len(written) == len(await journal.audit(limit=10**6)) == lines
        await journal.close()
        assert acknowledged.items() <= written.items()
    assert len(acknowledged) > KILLS * 5
