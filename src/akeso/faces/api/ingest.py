"""The doors for telemetry: one raw route over all sources. Bodies are bounded before and after decompression."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from akeso.domain.errors import AkesoError, Unavailable
from akeso.faces.api.access import identify_sender, system_of
from akeso.faces.api.errors import retry_headers, status_of
from akeso.plugins.sources._wire.decompression import LIMIT, Refused, decompressed, too_large
from akeso.ports.source import Answer, IngestRequest, Source


def routes(sources: dict[str, Source]) -> Iterator[Route]:
    """One POST route for every path of every source."""
    for source in sources.values():
        for path in source.paths:
            yield Route(path, _endpoint(source), methods=["POST"], name=f"{source.name}:{path}")


def descriptions(sources: dict[str, Source]) -> dict[str, Any]:
    """The doors as OpenAPI paths; what a body must hold is each protocol's own business."""
    said = "429 and 503 carry Retry-After; 413 above 20 MiB, 415 for an unknown content-encoding, 422 names the field."
    return {
        path: {
            "post": {
                "tags": ["ingest"],
                "summary": (type(source).__doc__ or source.name).strip().split("\n")[0],
                "description": f"Compressed bodies are welcome (gzip, deflate, snappy's block format). {said}",
                "requestBody": {"content": {"application/json": {"schema": {}}}, "required": True},
                "responses": {"2XX": {"description": "Taken in, and durable."}},
            }
        }
        for source in sources.values()
        for path in source.paths
    }


def _endpoint(source: Source) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        system = system_of(request)
        sender = identify_sender(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = IngestRequest(request.url.path, headers, b"", sender.tenant, system.clock.nanoseconds())
        try:
            if not system.started:
                raise Unavailable("Akeso is starting")
            asked = replace(asked, body=await _body(request, headers.get("content-encoding", "identity")))
            answer = await system.ingestion.accept(source.decode(asked, system.ingest_table))
        except ClientDisconnect:
            return Response(status_code=400)  # read by nobody
        except Refused as refused:
            return _response(source.refuse(asked, refused.error, refused.status), {})
        except AkesoError as error:
            return _response(source.refuse(asked, error, status_of(error)), retry_headers(error))
        return _response(answer, {})

    return receive


def _response(answer: Answer, extra: dict[str, str]) -> Response:
    headers = {**answer.headers, **extra}
    return Response(answer.body, answer.status, headers=headers, media_type=answer.content_type)


async def _body(request: Request, encoding: str) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LIMIT:
            raise too_large("")
    return decompressed(bytes(raw), encoding)
