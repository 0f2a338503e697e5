"""The doors for telemetry: one raw route over all sources. Bodies are bounded before and after decompression."""

import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from akeso.domain.errors import AkesoError, InvalidInput, Unavailable
from akeso.faces.api.access import identify_sender, system_of
from akeso.faces.api.errors import retry_headers, status_of
from akeso.plugins.sources._wire.snappy import LIMIT, TooLarge, unsnap
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
        except _Refused as refused:
            return _response(source.refuse(asked, refused.error, refused.status), {})
        except AkesoError as error:
            return _response(source.refuse(asked, error, status_of(error)), retry_headers(error))
        return _response(answer, {})

    return receive


def _response(answer: Answer, extra: dict[str, str]) -> Response:
    headers = {**answer.headers, **extra}
    return Response(answer.body, answer.status, headers=headers, media_type=answer.content_type)


class _Refused(Exception):
    """A body that is refused with a status of its own."""

    def __init__(self, status: int, field: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.error = status, InvalidInput(field, reason)


async def _body(request: Request, encoding: str) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LIMIT:
            raise _Refused(413, "body", f"is larger than {LIMIT} bytes")
    match encoding.strip().lower():
        case "identity" | "":
            return bytes(raw)
        case "gzip" | "x-gzip":
            return _inflate(bytes(raw), 31)
        case "deflate":
            return _inflate(bytes(raw), 15)
        case "snappy":
            return _unsnapped(bytes(raw))
        case other:
            raise _Refused(415, "content-encoding", f"{other} is not understood; send gzip, deflate, snappy or none")


def _unsnapped(raw: bytes) -> bytes:
    try:
        return unsnap(raw, LIMIT)
    except TooLarge as bad:
        raise _Refused(413, bad.field, bad.reason) from bad


def _inflate(raw: bytes, window: int) -> bytes:
    # Bounded output: a bomb is refused after LIMIT bytes, whatever it claims to hold. A body may be made of several
    # gzip members, as log shippers do that append to a buffer.
    body = bytearray()
    while raw:
        decoder = zlib.decompressobj(window)
        try:
            body += decoder.decompress(raw, LIMIT + 1 - len(body))
        except zlib.error as bad:
            raise InvalidInput("body", f"cannot be decompressed: {bad}") from bad
        if len(body) > LIMIT:
            raise _Refused(413, "body", f"is larger than {LIMIT} bytes after decompression")
        if not decoder.eof:
            raise InvalidInput("body", "the compressed body is cut off")
        raw = decoder.unused_data
    return bytes(body)
