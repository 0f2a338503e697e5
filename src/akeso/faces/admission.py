"""Who sends telemetry, whichever protocol carried the key. Nothing is inferred from where a sender is."""

import base64
from collections.abc import Mapping

from akeso.domain.errors import Forbidden
from akeso.domain.estate.access import Caller


def presented_key(headers: Mapping[str, str]) -> str:
    """The key in `x-api-key`, in `authorization: Bearer …`, or as the password of `authorization: Basic …`, since some
    senders know nothing else; "" without any. headers: lower-case names."""
    if key := headers.get("x-api-key"):
        return key
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _password(rest.strip())
    return ""


def check_tenant(sender: Caller, headers: Mapping[str, str]) -> None:
    """Raises Forbidden when a sender names another tenant (`X-Scope-OrgID`) than its key is of: the key alone says
    whose telemetry it is. headers: lower-case names."""
    named = headers.get("x-scope-orgid", "")
    if named and named != sender.tenant:
        raise Forbidden(f"X-Scope-OrgID names the tenant {named!r}; the key is of the tenant {sender.tenant!r}")


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
