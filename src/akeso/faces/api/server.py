"""The HTTP face as one ASGI application."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse

from akeso import __version__
from akeso.composition.system import System
from akeso.faces.api import approvals, detection, errors, incidents, ingest, models, senders, stream, system, telemetry

PAGE = Path(__file__).parents[1] / "console" / "page.html"


def create_api(running: System) -> FastAPI:
    """The API over a running system."""
    api = FastAPI(title="Akeso", version=__version__, description="Autonomous incident responder")
    api.state.system = running
    errors.install(api)
    asked = (
        incidents.router,
        approvals.router,
        system.router,
        models.router,
        detection.router,
        telemetry.router,
        senders.router,
        stream.router,
    )
    # The routes for telemetry first: routes are tried one after the other, and these are asked for most.
    api.router.routes.extend(ingest.routes(running.sources))
    for router in asked:
        api.include_router(router)
    written = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            written()["paths"] |= ingest.descriptions(running.sources)
        return written()

    api.openapi = described  # type: ignore[method-assign] # FastAPI's own way to extend it

    @api.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE, media_type="text/html")

    return api
