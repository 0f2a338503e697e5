"""The visitors: they come when they come (Poisson, with a tide), not when the library is ready for them."""

import asyncio
import time
from random import Random
from typing import Any

import aiohttp

from akeso.lab.load.journeys import Request
from akeso.lab.load.surge import CALM, Surge
from akeso.lab.load.verdict import Visit
from akeso.lab.load.visitor_log import VisitorLog
from akeso.lab.street.visitors.habits import BORROW, HABITS, MEMBERS, Habit, tide

PATIENCE_S = 3.0
LOOK_EVERY_S = 0.25
ASK_EVERY_S = 1.0
ASK_AT_ONCE = 50


class Readers:
    """Sends requests at their due times and keeps the visitor log. A visit failed when nobody answered in time or the
    answer is the library's own error; a dead link is an ordinary 404."""

    def __init__(self, site: str, seed: int) -> None:
        self.visitor_log = VisitorLog()
        self.surge: Surge = CALM
        self._site = site
        self._random = Random(seed)
        self._open: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Until cancelled."""
        # Nobody's browser shares its connections with others.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as session,
            asyncio.TaskGroup() as group,
        ):
            for habit in HABITS:
                group.create_task(self._arrive(session, habit))
            group.create_task(self._wait_for_mail(session))
            group.create_task(self._look())

    async def _arrive(self, session: aiohttp.ClientSession, habit: Habit) -> None:
        due = time.time()
        while True:
            due += self._random.expovariate(habit.rate * tide(due) * self.surge.factor_of(habit.name, due))
            await asyncio.sleep(max(0.0, due - time.time()))
            visit = Visit(habit.name, due)
            self.visitor_log.visits.append(visit)
            task = asyncio.create_task(self._visit(session, visit, habit.draw(self._random)))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _visit(self, session: aiohttp.ClientSession, visit: Visit, request: Request) -> None:
        try:
            answer = await self._send(session, request)
            if visit.journey == BORROW:
                self.visitor_log.waiting[str(answer["id"])] = time.time()
        except (aiohttp.ClientError, TimeoutError):
            visit.failed = True
        visit.ended = time.time()

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> Any:
        cookie = {"Cookie": f"session=member-{self._random.randrange(MEMBERS)}"}
        url = f"{self._site}{request.path}"
        async with session.request(request.method, url, json=request.body, headers=cookie) as response:
            if response.status == 404:
                return None
            response.raise_for_status()
            return await response.json()

    async def _wait_for_mail(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            wanted = list(self.visitor_log.waiting)[:ASK_AT_ONCE]
            if not wanted:
                continue
            try:
                answer = await self._send(session, Request("GET", f"/notices?ids={','.join(wanted)}"))
            except (aiohttp.ClientError, TimeoutError):
                continue
            for loan in answer["sent"] if answer else ():
                self.visitor_log.waiting.pop(str(loan), None)

    async def _look(self) -> None:
        while True:
            self.visitor_log.look(time.time())
            await asyncio.sleep(LOOK_EVERY_S)
