"""`python -m akeso.lab.street.visitors FOLDER`: the visitors as a process."""

import sys
from pathlib import Path

import uvloop
from aiohttp import web

from akeso.lab.load.visitors import Desk
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.facts import Addresses
from akeso.lab.street.visitors.habits import HABITS
from akeso.lab.street.visitors.visitors import Readers


async def serve(folder: StreetFolder) -> None:
    """Visit the library and answer at the desk until the process ends."""
    facts = folder.facts()
    visitors = Readers(Addresses(facts.ports, facts.own_mounts).site, facts.seed)
    desk = Desk(visitors, tuple(habit.name for habit in HABITS))
    runner = web.AppRunner(desk.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", facts.ports["visitors"]).start()
    await visitors.live()


def main() -> None:
    """Run until the supervisor ends it."""
    uvloop.run(serve(StreetFolder(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
