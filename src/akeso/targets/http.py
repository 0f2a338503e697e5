"""HTTP endpoints that a team gave Akeso to call."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from akeso.domain.errors import ActionFailed, RequestRefused, Unavailable
from akeso.domain.masking import masked_url

_TOO_MANY = 429
# Of clouds whose metadata service is not on the link.
_METADATA = frozenset({"fd00:ec2::254", "100.100.100.200", "168.63.129.16"})


async def call(
    method: str,
    url: str,
    timeout_s: float,
    body: Mapping[str, object] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> httpx.Response:
    """A 2xx answer. body: what is sent as JSON, or the bytes themselves. Raises RequestRefused when it was refused
    (4xx, 3xx), ActionFailed when it was never sent, Unavailable when nobody can tell what became of it (5xx, a
    time-out, a lost connection) or it shall be sent again (429)."""
    place = f"{method} {masked_url(url)}"
    await _check_address(url, place)
    # Reading the certificates takes tens of milliseconds, which the event loop must not stand still for.
    verify = await asyncio.to_thread(_certificates) if url.lower().startswith("https:") else False
    try:
        async with httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=verify) as client:
            sent = {"content": body} if isinstance(body, bytes) else {"json": body}
            answer = await client.request(method, url, headers=headers, params=query, **sent)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
        raise ActionFailed(f"{place}: cannot be reached ({exc})") from exc
    except httpx.TimeoutException as exc:
        raise Unavailable(f"{place}: no answer within {timeout_s:g} s") from exc
    except httpx.HTTPError as exc:
        raise Unavailable(f"{place}: the answer was lost ({exc})") from exc
    if answer.is_success:
        return answer
    said = f"{place}: answered {answer.status_code} {answer.text[:200]}".rstrip()
    if answer.is_server_error or answer.status_code == _TOO_MANY:
        raise Unavailable(said)
    raise RequestRefused(said)


async def read_json(url: str, timeout_s: float, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """The JSON object at `url`. Raises as `call`, and ActionFailed when it is no object."""
    answer = await call("GET", url, timeout_s, query=query)
    try:
        value = answer.json()
    except ValueError as exc:
        raise ActionFailed(f"GET {masked_url(url)}: the answer is no JSON") from exc
    if not isinstance(value, dict):
        raise ActionFailed(f"GET {masked_url(url)}: the answer is no JSON object")
    return value


async def _check_address(url: str, place: str) -> None:
    """Raises ActionFailed for addresses of the machine's own link: there clouds tell secrets to whoever asks."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(urlsplit(url).hostname or "", None)
    except (OSError, ValueError):
        return  # the request says so itself
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if any(each.is_link_local or each.is_multicast or str(each) in _METADATA for each in addresses):
        raise ActionFailed(
            f"{place}: is an address of this machine's link or of a cloud's metadata, which is not called"
        )


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
