"""Addresses without what is secret in them, for everything that is shown, logged or kept."""

import re
from urllib.parse import urlsplit

# A part of a path that nobody chose by hand: the secret of a webhook (Slack, Teams, Discord …) stands in its path.
_OPAQUE = re.compile(r"(?=[^/]*\d)[A-Za-z0-9_~.=-]{16,}")
_MASK = "…"


def masked_url(url: str) -> str:
    """The address without user, password, the values of its query, its fragment, and parts of its path that look like
    secrets. What is no address is not shown at all."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return _MASK
    if not parts.hostname:
        return _MASK
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = "/".join(_MASK if _OPAQUE.fullmatch(part) else part for part in parts.path.split("/"))
    return f"{parts.scheme}://{host}{port}{path}{f'?{_MASK}' if parts.query else ''}"
