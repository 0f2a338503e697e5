"""`python -m akeso.lab.load RUN-FOLDER`: the visitors as a process."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from aiohttp import web

from akeso.lab.load.visitors import Desk, Visitors
from akeso.lab.shop.folder import RunFolder


async def serve(folder: RunFolder) -> None:
    """Visit the shop and answer at the desk until the process ends."""
    facts = folder.facts()
    visitors = Visitors(folder, facts.seed)
    runner = web.AppRunner(Desk(visitors).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", urlsplit(facts.load_url).port).start()
    await visitors.live()


def main() -> None:
    """Run until the supervisor ends it."""
    uvloop.run(serve(RunFolder(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
