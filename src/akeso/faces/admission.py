"""Who sends telemetry, whichever protocol carried the key."""

from collections.abc import Mapping

from akeso.composition.system import System
from akeso.domain.errors import Forbidden
from akeso.domain.estate.access import Caller, Role

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def presented_key(headers: Mapping[str, str]) -> str:
    """The key in `x-api-key` or in `authorization: Bearer …`; "" without any. headers: lower-case names."""
    bearer = headers.get("authorization", "")
    token = bearer[7:].strip() if bearer.lower().startswith("bearer ") else ""
    return headers.get("x-api-key") or token


def sender_of(system: System, key: str, host: str) -> Caller | None:
    """The sender that presents `key` from the address `host`; None when nobody may send like that.

    Without a key, senders on this machine are let in where the settings allow it.
    """
    if key:
        return system.keys.caller(key)
    if system.settings.anonymous_ingest and host in _LOOPBACK:
        return Caller("anonymous", Role.INGEST, system.settings.tenant)
    return None


def check_tenant(sender: Caller, headers: Mapping[str, str]) -> None:
    """Raises Forbidden when a sender names another tenant (`X-Scope-OrgID`) than its key is of: the key alone says
    whose telemetry it is. headers: lower-case names."""
    named = headers.get("x-scope-orgid", "")
    if named and named != sender.tenant:
        raise Forbidden(f"X-Scope-OrgID names the tenant {named!r}; the key is of the tenant {sender.tenant!r}")
