"""The HTTP face as one ASGI application."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse
from starlette.middleware.cors import CORSMiddleware

from akeso import __version__
from akeso.composition.system import System
from akeso.faces.api import (
    alerts,
    approvals,
    attention,
    detection,
    errors,
    incidents,
    ingest,
    models,
    senders,
    silences,
    slack,
    stream,
    system,
    telemetry,
)
from akeso.faces.api.idempotency import Idempotency, IdempotencyOptions
from akeso.faces.api.queries.parameters import refuse_unknown
from akeso.faces.api.request_checks import RequestCheckOptions, RequestChecks

_CONSOLE = Path(__file__).parents[1] / "console"
PAGE, DOCS = _CONSOLE / "page.html", _CONSOLE / "docs.html"
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_ROUTERS = (
    incidents.router,
    attention.router,
    alerts.router,
    silences.router,
    approvals.router,
    system.router,
    models.router,
    detection.router,
    telemetry.router,
    senders.router,
    stream.router,
)


def create_api(running: System) -> FastAPI:
    """The API over a running system."""
    api = FastAPI(
        title="Akeso",
        version=__version__,
        description="Autonomous incident responder",
        docs_url=None,  # what FastAPI brings loads its viewer from elsewhere
        redoc_url=None,
    )
    api.state.system = running
    errors.install(api)
    # The routes for telemetry first: routes are tried one after the other, and these are asked for most.
    api.router.routes.extend(ingest.routes(running.sources))
    for router in _ROUTERS:
        api.include_router(router, dependencies=[Depends(refuse_unknown)])
    api.include_router(slack.slack_router(running))
    _describe(api, running)
    _add_pages(api)
    _guard(api, running)
    return api


def page_policy(*pages: Path) -> str:
    """The Content-Security-Policy of pages that hold their scripts and styles themselves: these and no others."""
    found: dict[str, list[str]] = {"script": [], "style": []}
    for page in pages:
        for kind, text in _INLINE.findall(page.read_text()):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            found[kind].append(f"'sha256-{digest}'")
    scripts, styles = (" ".join(found[kind]) for kind in ("script", "style"))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _describe(api: FastAPI, running: System) -> None:
    written = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            written()["paths"] |= ingest.descriptions(running.sources)
        return written()

    api.openapi = described  # type: ignore[method-assign] # FastAPI's own way to extend it


def _add_pages(api: FastAPI) -> None:
    @api.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE, media_type="text/html")

    @api.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(DOCS, media_type="text/html")


def _guard(api: FastAPI, running: System) -> None:
    access = running.settings.access
    known = IdempotencyOptions(
        running.kept_answers, lambda key: running.keys.caller(key) is not None, running.clock.now
    )
    api.add_middleware(Idempotency, options=known)
    if access.allowed_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["content-type", "content-encoding", "idempotency-key", "x-api-key", "authorization"],
        )
    unread = frozenset({slack.PATH, *(path for source in running.sources.values() for path in source.paths)})
    texts = [source for source in running.sources.values() if getattr(source, "plain_text", False)]
    plain = frozenset(path for source in texts for path in source.paths)
    options = RequestCheckOptions(access.allowed_hosts, access.allowed_origins, unread, plain, page_policy(PAGE, DOCS))
    api.add_middleware(RequestChecks, options=options)
