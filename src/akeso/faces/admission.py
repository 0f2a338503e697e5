"""Who sends telemetry, whichever protocol carried the key. Nothing is inferred from where a sender is."""

from collections.abc import Mapping

from akeso.domain.errors import Forbidden
from akeso.domain.estate.access import Caller


def presented_key(headers: Mapping[str, str]) -> str:
    """The key in `x-api-key` or in `authorization: Bearer …`; "" without any. headers: lower-case names."""
    bearer = headers.get("authorization", "")
    token = bearer[7:].strip() if bearer.lower().startswith("bearer ") else ""
    return headers.get("x-api-key") or token


def check_tenant(sender: Caller, headers: Mapping[str, str]) -> None:
    """Raises Forbidden when a sender names another tenant (`X-Scope-OrgID`) than its key is of: the key alone says
    whose telemetry it is. headers: lower-case names."""
    named = headers.get("x-scope-orgid", "")
    if named and named != sender.tenant:
        raise Forbidden(f"X-Scope-OrgID names the tenant {named!r}; the key is of the tenant {sender.tenant!r}")
