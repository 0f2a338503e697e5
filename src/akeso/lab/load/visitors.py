"""The visitors: they come when they come (Poisson), not when the shop is ready for them."""

import asyncio
import time
from collections.abc import Collection
from random import Random
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from akeso.lab.chassis.directory import Directory
from akeso.lab.load.journeys import JOURNEYS, Journey, Request
from akeso.lab.load.surge import CALM, EVERY_JOURNEY, Surge
from akeso.lab.load.verdict import Visit
from akeso.lab.load.visitor_log import VisitorLog
from akeso.lab.shop.folder import RunFolder

PATIENCE_S = 3.0
LOOK_EVERY_S = 0.25
ASK_EVERY_S = 0.8
ASK_AT_ONCE = 100
LARGEST_FACTOR = 40.0
SHOP_JOURNEYS = tuple(journey.name for journey in JOURNEYS)


class Visitors:
    """Sends requests at their due times and keeps the visitor log."""

    def __init__(self, folder: RunFolder, seed: int) -> None:
        self.visitor_log = VisitorLog()
        self.surge = CALM
        self._directory = Directory(folder)
        self._random = Random(seed)
        self._open: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Until cancelled."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while not self._directory.candidates("frontend"):  # noqa: ASYNC110 - a file that another process writes
                await asyncio.sleep(0.1)
            async with asyncio.TaskGroup() as group:
                for journey in JOURNEYS:
                    group.create_task(self._arrive(session, journey))
                group.create_task(self._ask_for_orders(session))
                group.create_task(self._look())

    async def _arrive(self, session: aiohttp.ClientSession, journey: Journey) -> None:
        due = time.time()
        while True:
            rate = journey.rate * self.surge.factor_of(journey.name, due)
            due += self._random.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.time()))
            visit = Visit(journey.name, due)
            self.visitor_log.visits.append(visit)
            task = asyncio.create_task(self._visit(session, visit, journey.draw(self._random)))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _visit(self, session: aiohttp.ClientSession, visit: Visit, request: Request) -> None:
        try:
            answer = await self._send(session, request)
            if visit.journey == "checkout":
                self.visitor_log.waiting[str(answer["order"])] = time.time()
        except (aiohttp.ClientError, TimeoutError):
            visit.failed = True
        visit.ended = time.time()

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> dict[str, Any]:
        endpoints = self._directory.candidates("frontend")
        if not endpoints:
            raise aiohttp.ClientConnectionError("no frontend")
        url = f"http://127.0.0.1:{endpoints[0].port}{request.path}"
        async with session.request(request.method, url, json=request.body) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json()
            return answer

    async def _ask_for_orders(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            wanted = list(self.visitor_log.waiting)[:ASK_AT_ONCE]
            if not wanted:
                continue
            try:
                answer = await self._send(session, Request("GET", f"/orders?ids={','.join(wanted)}"))
            except (aiohttp.ClientError, TimeoutError):
                continue
            for order in answer["fulfilled"]:
                self.visitor_log.waiting.pop(order, None)

    async def _look(self) -> None:
        while True:
            self.visitor_log.look(time.time())
            await asyncio.sleep(LOOK_EVERY_S)


class Crowd(Protocol):
    """Visitors of any place: what they remember, and how often they come."""

    visitor_log: VisitorLog
    surge: Surge


class Desk:
    """The lab's way to control the visitors of a place. journeys: what they know to do."""

    def __init__(self, visitors: Crowd, journeys: Collection[str] = SHOP_JOURNEYS) -> None:
        self._visitors = visitors
        self._known = {*journeys, EVERY_JOURNEY}

    def application(self) -> web.Application:
        """`GET /view`, `GET /seconds?last=`, `POST /learn {"seconds"}`, `POST /surge`, `DELETE /surge`."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/view", self._view),
                web.get("/seconds", self._seconds),
                web.post("/learn", self._learn),
                web.post("/surge", self._begin_surge),
                web.delete("/surge", self._end_surge),
            ]
        )
        return app

    async def _view(self, _request: web.Request) -> web.Response:
        surge = {"journey": self._visitors.surge.journey, "factor": self._visitors.surge.factor}
        return web.json_response({**self._visitors.visitor_log.view(time.time()), "surge": surge})

    async def _seconds(self, request: web.Request) -> web.Response:
        return web.json_response(self._visitors.visitor_log.seconds(time.time(), int(request.query.get("last", "60"))))

    async def _learn(self, request: web.Request) -> web.Response:
        self._visitors.visitor_log.learn_for(float((await request.json())["seconds"]), time.time())
        return await self._view(request)

    async def _begin_surge(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        factor = float(wanted["factor"])
        if wanted["journey"] not in self._known or not 0 < factor <= LARGEST_FACTOR:
            raise web.HTTPUnprocessableEntity(
                text=f"journey must be one of {self._known}, factor at most {LARGEST_FACTOR}"
            )
        began, ramp_s, before = time.time(), float(wanted.get("ramp_s", 0.0)), self._visitors.surge
        initial = before.factor_of(before.journey, began) if before.journey == wanted["journey"] else 1.0
        self._visitors.surge = Surge(wanted["journey"], factor, began, ramp_s, initial)
        return await self._view(request)

    async def _end_surge(self, request: web.Request) -> web.Response:
        self._visitors.surge = CALM
        return await self._view(request)
