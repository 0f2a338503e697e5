"""Calls to other services: discovery, a time-out, trace context, a client span and a duration for each."""

import asyncio
import time
from typing import Any

import aiohttp
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from akeso.lab.chassis.configuration import Configuration
from akeso.lab.chassis.directory import Directory
from akeso.lab.chassis.instruments import Instruments
from akeso.lab.chassis.telemetry import PROPAGATOR, Telemetry
from akeso.lab.errors import NotFound, RequestFailed, UpstreamFailed, UpstreamTimedOut

Body = dict[str, Any]


class Upstreams:
    """One HTTP session to every service this one calls."""

    def __init__(
        self, directory: Directory, configuration: Configuration, telemetry: Telemetry, instruments: Instruments
    ) -> None:
        self._directory = directory
        self._fixed = configuration.upstreams
        self._timeout_s = configuration.timeout_ms / 1000
        self._tracer = telemetry.tracer
        self._durations = instruments.client_duration
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def post(self, peer: str, path: str, body: Body | None = None) -> Body:
        """POST and return the answer. Raises UpstreamFailed, UpstreamTimedOut or NotFound."""
        return await self._call("POST", peer, path, body)

    async def get(self, peer: str, path: str) -> Body:
        """GET and return the answer. Raises UpstreamFailed, UpstreamTimedOut or NotFound."""
        return await self._call("GET", peer, path, None)

    async def _call(self, method: str, peer: str, path: str, body: Body | None) -> Body:
        labels: dict[str, str | int] = {"http.request.method": method, "server.address": peer, "peer.service": peer}
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            method, kind=SpanKind.CLIENT, attributes=labels, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                status, answer = await self._send(span, method, peer, path, body)
                labels["http.response.status_code"] = status
                span.set_attribute("http.response.status_code", status)
                return _checked(peer, status, answer)
            except RequestFailed as exc:
                labels["error.type"] = str(labels.get("http.response.status_code", type(exc).__name__))
                span.set_attribute("error.type", labels["error.type"])
                span.set_status(Status(StatusCode.ERROR, str(exc)))
                span.record_exception(exc)
                raise
            finally:
                self._durations.record(time.perf_counter() - started, labels)

    async def _send(self, span: Span, method: str, peer: str, path: str, body: Body | None) -> tuple[int, Body]:
        headers: dict[str, str] = {}
        PROPAGATOR.inject(headers)
        addresses = self._addresses(peer)
        for position, address in enumerate(addresses, start=1):
            span.set_attribute("url.full", f"http://{address}{path}")
            try:
                return await self._exchange(method, f"http://{address}{path}", body, headers)
            except aiohttp.ClientConnectorError as exc:
                if position == len(addresses):
                    raise UpstreamFailed(f"{peer} at {address} refused the connection") from exc
            except TimeoutError as exc:
                raise UpstreamTimedOut(f"{peer} did not answer within {self._timeout_s * 1000:.0f} ms") from exc
            except aiohttp.ClientError as exc:
                raise UpstreamFailed(f"{peer} broke the connection: {exc}") from exc
        raise UpstreamFailed(f"no instance of {peer} is available")

    async def _exchange(self, method: str, url: str, body: Body | None, headers: dict[str, str]) -> tuple[int, Body]:
        async with asyncio.timeout(self._timeout_s):
            async with self._session.request(method, url, json=body, headers=headers) as response:
                answer: Body = await response.json()
                return response.status, answer

    def _addresses(self, peer: str) -> list[str]:
        if peer in self._fixed:
            return [self._fixed[peer]]
        # Two tries suffice: a second instance is asked when the first refuses the connection.
        return [f"127.0.0.1:{endpoint.port}" for endpoint in self._directory.candidates(peer)[:2]]


def _checked(peer: str, status: int, answer: Body) -> Body:
    if status == 404:
        raise NotFound(str(answer.get("error", "not found")))
    if status >= 500:
        raise UpstreamFailed(f"{peer} answered {status}: {answer.get('error', '')}")
    return answer
