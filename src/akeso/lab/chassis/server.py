"""The way of a request through a service: trace, memory limit, slot, release, logic, and what is recorded of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from akeso.lab.chassis.floor import Body, Floor, Route
from akeso.lab.chassis.instruments import Instruments
from akeso.lab.chassis.release import Release
from akeso.lab.chassis.slots import Slots
from akeso.lab.chassis.telemetry import PROPAGATOR
from akeso.lab.chassis.vitals import Vitals
from akeso.lab.errors import NotFound, RequestFailed

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller; `failure` is why, when it is not what was asked for."""

    status: int
    body: Body
    failure: Exception | None = None


class Counter:
    """Serves the routes of one service under its limits."""

    def __init__(self, floor: Floor, release: Release, vitals: Vitals, *, serves: bool) -> None:
        self._floor = floor
        self._release = release
        self._vitals = vitals
        self.serves = serves
        self.slots = Slots(floor.configuration.slots, floor.configuration.queue)
        self.active = 0
        self.idle = asyncio.Event()
        self.idle.set()
        if serves:
            self._observe(floor.instruments)

    def _observe(self, instruments: Instruments) -> None:
        instruments.count("http.server.active_requests", "{request}", lambda: [(self.active, {})])
        instruments.count("shop.worker.slots.used", "{slot}", lambda: [(self.slots.used, {})])
        instruments.count("shop.worker.slots.limit", "{slot}", lambda: [(self.slots.limit, {})])
        instruments.count("shop.worker.queue.length", "{request}", lambda: [(self.slots.waiting, {})])

    def serve(self, route: Route) -> WebHandler:
        """The handler of one route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.active += 1
            self.idle.clear()
            try:
                return await self._trace(route, request)
            finally:
                self.active -= 1
                if not self.active:
                    self.idle.set()

        return handle

    async def _trace(self, route: Route, request: web.Request) -> web.Response:
        started = time.perf_counter()
        labels: dict[str, str | int] = {"http.request.method": route.method, "http.route": route.path}
        with self._floor.telemetry.tracer.start_as_current_span(
            f"{route.method} {route.path}",
            context=PROPAGATOR.extract(request.headers),
            kind=SpanKind.SERVER,
            attributes={**labels, "url.path": request.path, "url.scheme": "http"},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            answer = await self._answer(route, request)
            labels["http.response.status_code"] = answer.status
            span.set_attribute("http.response.status_code", answer.status)
            if answer.failure is not None and answer.status >= 500:
                labels["error.type"] = type(answer.failure).__name__
                self._record_failure(span, route, answer.failure)
            self._floor.instruments.server_duration.record(time.perf_counter() - started, labels)
        return web.json_response(answer.body, status=answer.status)

    def _record_failure(self, span: Span, route: Route, failure: Exception) -> None:
        span.set_attribute("error.type", type(failure).__name__)
        span.set_status(Status(StatusCode.ERROR, str(failure)))
        span.record_exception(failure)
        self._floor.telemetry.log.failed(f"{route.method} {route.path} failed: {failure}", failure)

    async def _answer(self, route: Route, request: web.Request) -> Answer:
        try:
            self._vitals.refuse_above_limit()
            content = await _content(request)
            async with self.slots.taken():
                return Answer(200, await self._work(route, content))
        except NotFound as exc:
            return Answer(exc.status, {"error": str(exc)}, exc)
        except RequestFailed as exc:
            return Answer(exc.status, {"error": str(exc)}, exc)
        # The boundary of a request: whatever a release or the logic raises is recorded and answered as 500.
        except Exception as exc:  # noqa: BLE001
            return Answer(500, {"error": f"{type(exc).__name__}: {exc}"}, exc)

    async def _work(self, route: Route, content: Body) -> Body:
        await self._floor.conditions.during_request()
        self._release.before(route.path, content)
        await self._floor.work()
        reply = await route.handler(self._floor, content)
        self._release.after(route.path, reply)
        return reply


async def _content(request: web.Request) -> Body:
    content: dict[str, Any] = await request.json() if request.can_read_body else {}
    return {**content, **request.query, **request.match_info}
