"""The lab's control port of a process: a second port on the loopback address that no traced request passes."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from akeso.lab.chassis.conditions import Conditions


@dataclass(frozen=True, slots=True)
class Control:
    """Reads and sets the conditions of this process; `extra` adds facts to what it tells."""

    conditions: Conditions
    extra: Callable[[], dict[str, Any]]

    def application(self) -> web.Application:
        """`GET /`, `POST /conditions {"name", "strength"}`, `DELETE /conditions`."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._tell),
                web.post("/conditions", self._begin),
                web.delete("/conditions", self._end),
            ]
        )
        return app

    async def _tell(self, _request: web.Request) -> web.Response:
        return web.json_response({"conditions": self.conditions.active, "pid": os.getpid(), **self.extra()})

    async def _begin(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        try:
            self.conditions.begin(wanted["name"], float(wanted["strength"]))
        except (KeyError, ValueError) as exc:
            raise web.HTTPUnprocessableEntity(text=str(exc)) from exc
        return await self._tell(request)

    async def _end(self, request: web.Request) -> web.Response:
        self.conditions.end()
        await asyncio.sleep(0)  # let cancelled tasks end before the answer
        return await self._tell(request)
