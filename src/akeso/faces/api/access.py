"""Who calls: API keys (`X-API-Key`, `Authorization: Bearer …`) and what their role allows."""

from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request
from starlette.requests import HTTPConnection

from akeso.composition.system import System
from akeso.domain.errors import Overloaded
from akeso.domain.estate.access import Caller, Role
from akeso.faces.admission import presented_key
from akeso.faces.api.errors import retry_headers


def system_of(connection: HTTPConnection) -> System:
    """The running system behind this API."""
    system: System = connection.app.state.system
    return system


def key_of(connection: HTTPConnection) -> str:
    """The key the caller presents. One in a URL is not read: URLs are written into logs on their way."""
    return presented_key(connection.headers)


def identify(connection: HTTPConnection) -> Caller:
    """The caller. Raises 401 when the key is missing or nobody's."""
    return identify_by(connection, key_of(connection))


def identify_by(connection: HTTPConnection, key: str) -> Caller:
    """Whose key it is. Raises 401 when it is nobody's."""
    caller = system_of(connection).keys.caller(key)
    if caller is None and key:
        _note_refused(connection)
    return _known(caller)


def is_known(connection: HTTPConnection) -> bool:
    """Whether the key is somebody's."""
    return system_of(connection).keys.caller(key_of(connection)) is not None


def may_show_key_later(connection: HTTPConnection) -> bool:
    """Whether no header holds a key, and one is needed."""
    return not key_of(connection) and getattr(connection.app.state, "anonymous", None) is None


def identify_sender(connection: HTTPConnection) -> Caller:
    """The sender of telemetry. Raises 401 without a valid key, except on the door for senders without one."""
    if (door := getattr(connection.app.state, "anonymous", None)) is not None:
        sender: Caller = door.sender(connection)
        return sender
    return identify(connection)


def _note_refused(connection: HTTPConnection) -> None:
    host = connection.client.host if connection.client is not None else ""
    try:
        system_of(connection).refused_keys.note(host)
    except Overloaded as often:
        raise HTTPException(429, str(often), retry_headers(often)) from often


def _known(caller: Caller | None) -> Caller:
    if caller is None:
        raise HTTPException(401, "a valid API key is needed: send it as X-API-Key", {"WWW-Authenticate": "Bearer"})
    return caller


def require_installation(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """As `require`, for what concerns all tenants: only callers of the installation's own tenant."""
    allowed = require(role)

    async def check(request: Request) -> Caller:
        caller = await allowed(request)
        if caller.tenant != system_of(request).settings.tenant:
            raise HTTPException(403, f"{caller.name} is of the tenant {caller.tenant}; this concerns every tenant")
        return caller

    return check


def require(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets in callers of `role` or above: 401 without a key, 403 with too small a role."""

    async def check(request: Request) -> Caller:  # on the loop: a look-up is no work for a thread
        caller = identify(request)
        if caller.role < role:
            raise HTTPException(403, f"{caller.name} is {caller.role.name.lower()}; this needs {role.name.lower()}")
        return caller

    return check
