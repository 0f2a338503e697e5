"""The shop's feature flags, switched over HTTP: `python -m akeso.lab.flags RUN-FOLDER`.

`POST /flags/NAME/on`, `POST /flags/NAME/off`, `GET /flags/NAME/status` → `{"enabled": bool}`.
"""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from akeso.lab.shop.folder import RunFolder, write_atomically


class Flags:
    """Flags are files; the services read them."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def application(self) -> web.Application:
        """The HTTP face."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/flags/{name:[a-z-]+}/{state:on|off}", self._switch),
                web.get("/flags/{name:[a-z-]+}/status", self._status),
            ]
        )
        return app

    async def _switch(self, request: web.Request) -> web.Response:
        file = self._folder.flag(request.match_info["name"])
        write_atomically(file, json.dumps({"enabled": request.match_info["state"] == "on"}))
        return await self._status(request)

    async def _status(self, request: web.Request) -> web.Response:
        file = self._folder.flag(request.match_info["name"])
        enabled = file.exists() and bool(json.loads(file.read_text())["enabled"])
        return web.json_response({"enabled": enabled})


def main() -> None:
    """Serve where the shop's facts say."""
    folder = RunFolder(Path(sys.argv[1]))
    port = urlsplit(folder.facts().flags_url).port
    web.run_app(Flags(folder).application(), host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
