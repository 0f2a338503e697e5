"""What happens to the machine: its processor, its disk, its network."""

import asyncio
import subprocess
from pathlib import Path

from akeso.lab.errors import ShopError
from akeso.lab.street.faults.fault import EVERY_PAGE, LOAN_PAGES, Fault, Truth
from akeso.lab.street.stack.people import BACKUP
from akeso.lab.street.stack.street import Street
from akeso.lab.street.stack.throttle import is_slow, slow_down, speed_up

HOST = ("node", "host", "node-exporter", "127.0.0.1", "localhost")
DATABASE = ("postgres", "postgresql", "db", "db.internal", "postgres-exporter")
FILLER = "dump.sql"
WRITES_A_SECOND = 1
SLOW_RATE = "160kbit"


async def _compress(street: Street) -> None:
    await street.start(BACKUP)


async def _end_compression(street: Street) -> None:
    await street.stop(BACKUP)


async def _compressing(street: Street) -> bool:
    return not await street.is_down(BACKUP)


async def _fill(street: Street) -> None:
    await asyncio.to_thread(_write_until_full, Path(street.facts.disk_place) / FILLER)


def _write_until_full(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096, 512):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue


async def make_room(street: Street) -> None:
    """Delete the dump; a database that gave up is started again."""
    (Path(street.facts.disk_place) / FILLER).unlink(missing_ok=True)
    if await street.is_down("postgres"):
        await street.start("postgres")


async def _is_full(street: Street) -> bool:
    return (Path(street.facts.disk_place) / FILLER).exists()


async def _throttle(street: Street) -> None:
    await slow_down(street, WRITES_A_SECOND)


async def unthrottle(street: Street) -> None:
    """The disk is as fast as it is."""
    speed_up(street.folder)


async def _is_throttled(street: Street) -> bool:
    return is_slow(street.folder)


async def _narrow(street: Street) -> None:
    port = str(street.facts.ports["postgres"])
    _tc("qdisc", "add", "root", "handle", "1:", "htb", "default", "10")
    _tc("class", "add", "parent", "1:", "classid", "1:10", "htb", "rate", "10gbit", "quantum", "60000")
    _tc("class", "add", "parent", "1:", "classid", "1:20", "htb", "rate", SLOW_RATE, "quantum", "60000")
    _tc(
        "filter",
        "add",
        "parent",
        "1:",
        "protocol",
        "ip",
        "u32",
        "match",
        "ip",
        "sport",
        port,
        "0xffff",
        "flowid",
        "1:20",
    )


async def widen(_street: Street) -> None:
    """The network is as fast as it is."""
    _ran("tc", "qdisc", "del", "dev", "lo", "root")


async def _is_narrow(_street: Street) -> bool:
    return "htb" in _ran("tc", "qdisc", "show", "dev", "lo").stdout


def _tc(what: str, do: str, *rest: str) -> None:
    done = _ran("tc", what, do, "dev", "lo", *rest)
    if done.returncode != 0:
        raise ShopError(f"tc {what} {do}: {done.stderr.strip()}")


def _ran(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True)


FAULTS = (
    Fault(
        name="processor_hog",
        family="machine",
        about="a backup beside compresses with as many processes as it can",
        undone="the backup is ended",
        truth=Truth(HOST, ("cpu_saturation",), EVERY_PAGE, ()),
        inject=_compress,
        clear=_end_compression,
        active=_compressing,
        hurts_within_s=30.0,
    ),
    Fault(
        name="disk_full",
        family="machine",
        about="a dump fills the small disk that the database stands on",
        undone="the dump is deleted, and the database started if it gave up",
        truth=Truth((*DATABASE, *HOST), ("disk_pressure",), ("borrow",), ()),
        inject=_fill,
        clear=make_room,
        active=_is_full,
        needs=("disk",),
        hurts_within_s=60.0,
        well_within_s=60.0,
    ),
    Fault(
        name="slow_disk",
        family="machine",
        about=f"the database's disk takes {WRITES_A_SECOND} write a second",
        undone="the limit is lifted",
        truth=Truth((*DATABASE, *HOST), ("slow_disk", "disk_pressure", "latency_degradation"), LOAN_PAGES, ()),
        inject=_throttle,
        clear=unthrottle,
        active=_is_throttled,
        needs=("loop",),
        hurts_within_s=40.0,
        well_within_s=60.0,
    ),
    Fault(
        name="slow_network",
        family="machine",
        about=f"the network from the database carries {SLOW_RATE} only",
        undone="the limit is lifted",
        truth=Truth(DATABASE, ("network_delay", "latency_degradation", "slow_dependency"), EVERY_PAGE, ()),
        inject=_narrow,
        clear=widen,
        active=_is_narrow,
        needs=("network",),
        hurts_within_s=40.0,
        well_within_s=60.0,
    ),
)
