"""An HTTP endpoint that is asked for JSON: bounded in time and size, one error for each kind of failure."""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import httpx
import msgspec

from akeso.domain.errors import InvalidInput, Unavailable
from akeso.ports.puller import Address
from akeso.protocols.json_body import parse_json

T = TypeVar("T")
Query: TypeAlias = Mapping[str, str | int | float]

LIMIT = 64 * 2**20
_BUSY = 429


class Endpoint:
    """The address's url goes up to where the API's own paths begin; an answer takes four times its timeout at most."""

    def __init__(self, address: Address) -> None:
        self.url = address.url.rstrip("/")
        self._headers, self._timeout = dict(address.headers), address.timeout.total_seconds()
        self._client: httpx.AsyncClient | None = None

    async def get(self, path: str, query: Query, decoder: msgspec.json.Decoder[T]) -> T:
        """The decoded answer. Raises Unavailable (no answer, 5xx, 429) or InvalidInput (4xx, or what is no such
        answer)."""
        place = f"GET {self.url}{path}"
        try:
            async with asyncio.timeout(4 * self._timeout):
                status, body = await self._body(path, query)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as bad:
            raise InvalidInput("url", f"{self.url} cannot be asked: {bad}") from bad
        except (httpx.HTTPError, TimeoutError) as bad:
            raise Unavailable(f"{place}: {bad or type(bad).__name__}") from bad
        if status >= 500 or status == _BUSY:
            raise Unavailable(f"{place}: answered {status} {_said(body)}")
        if status >= 300:
            raise InvalidInput(place, f"answered {status} {_said(body)}")
        try:
            return parse_json(decoder, body)
        except InvalidInput as bad:
            raise InvalidInput(f"{place}: {bad.field}", bad.reason) from bad

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _body(self, path: str, query: Query) -> tuple[int, bytes]:
        client = self._client or await self._open()
        body = bytearray()
        async with client.stream("GET", f"{self.url}{path}", params=query) as answer:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LIMIT:
                    raise InvalidInput(f"GET {self.url}{path}", f"answered more than {LIMIT} bytes")
            return answer.status_code, bytes(body)

    async def _open(self) -> httpx.AsyncClient:
        # Reading the certificates takes tens of milliseconds, which the event loop must not stand still for.
        secure = self.url.lower().startswith("https:")
        verify = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False) if secure else False
        self._client = httpx.AsyncClient(timeout=self._timeout, trust_env=False, verify=verify, headers=self._headers)
        return self._client


def _said(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace").strip()
