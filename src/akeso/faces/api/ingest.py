"""Where telemetry arrives: one raw route over all sources. Bodies are bounded before and after decompression."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from fastapi import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from akeso.domain.errors import AkesoError, Forbidden, Overloaded, Unavailable
from akeso.domain.estate.access import Caller
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.background_thread import aside
from akeso.engine.fairness import Holding
from akeso.faces.admission import check_tenant
from akeso.faces.api.access import identify_by, identify_sender, may_show_key_later, system_of
from akeso.faces.api.errors import retry_headers, status_of
from akeso.ports.source import Answer, HoldsKey, IngestRequest, Intake, NamesPrecedents, Source
from akeso.protocols.decompression import ENCODINGS, LIMIT, Refused, decompressed, too_large

# Bytes that every source decodes within some ten milliseconds.
_AT_ONCE = 4 * 2**20
# What a body that does not say how long it is takes at first.
_UNTOLD = 2**20
# Of a sender whose key stands in the body.
_WITHOUT_NAME = 64 * 2**10
_LONGEST_ORIGIN = 253
# How alike an incident has to be to be called similar, and how many are counted.
_SIMILAR, _MOST_SIMILAR = 0.5, 50


def routes(sources: dict[str, Source]) -> Iterator[Route]:
    """For every path of every source one that takes POST, and one that takes the OPTIONS of webhooks."""
    for source in sources.values():
        for path in source.paths:
            yield Route(path, _endpoint(source), methods=["POST"], name=f"{source.name}:{path}")
            yield Route(path, _consent, methods=["OPTIONS"], name=f"{source.name}:{path}:options")


def descriptions(sources: dict[str, Source]) -> dict[str, Any]:
    """The routes of the sources as OpenAPI paths; what a body must hold is each protocol's own business."""
    said = "429 and 503 carry Retry-After; 413 above 20 MiB, 415 for an unknown content-encoding, 422 names the field."
    return {
        path: {
            "post": {
                "tags": ["ingest"],
                "summary": (type(source).__doc__ or source.name).strip().split("\n")[0],
                "description": f"Compressed bodies are welcome ({', '.join(ENCODINGS)}). {said}",
                "requestBody": {"content": {"application/json": {"schema": {}}}, "required": True},
                "responses": {"2XX": {"description": "Taken in, and durable."}},
            }
        }
        for source in sources.values()
        for path in source.paths
    }


async def _consent(request: Request) -> Response:
    """What asks before it delivers (Azure Event Grid) may; its key counts all the same. CloudEvents' webhooks, 4.1:
    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md"""
    origin = request.headers.get("webhook-request-origin", "")
    if not origin or len(origin) > _LONGEST_ORIGIN:
        return Response(status_code=405, headers={"Allow": "POST"})
    allowed = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return Response(status_code=200, headers={"Allow": "POST", **allowed})


def _endpoint(source: Source) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        system = system_of(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            sender, told = await _sender(request, source)
        except ClientDisconnect:
            return Response(status_code=400)  # read by nobody
        except HTTPException as stranger:
            return _turned_away(IngestRequest(request.url.path, headers, b"", "", 0), source, stranger)
        except Forbidden as shut:
            return _response(source.refuse(IngestRequest(request.url.path, headers, b"", "", 0), shut, 403), {})
        asked = IngestRequest(request.url.path, headers, b"", sender.tenant, system.clock.nanoseconds())
        try:
            check_tenant(sender, headers)
            if not system.started:
                raise Unavailable("Akeso is starting")
            with Holding(system.ingestion.bodies, sender.tenant) as held:
                return _response(await _taken_in(request, sender, source, asked, held, told), {})
        except ClientDisconnect:
            return Response(status_code=400)  # read by nobody
        except Refused as refused:
            return _response(source.refuse(asked, refused.error, refused.status), {})
        except AkesoError as error:
            return _response(source.refuse(asked, error, status_of(error)), retry_headers(error))

    return receive


def _turned_away(asked: IngestRequest, source: Source, stranger: HTTPException) -> Response:
    """401, or 429 to one that tries too often, in the sender's own protocol."""
    refused = source.refuse(asked, Forbidden(str(stranger.detail)), stranger.status_code)
    return _response(refused, dict(stranger.headers or {}))


async def _sender(request: Request, source: Source) -> tuple[Caller, bytes | None]:
    """Who sends, and the body where the key was looked for in it."""
    if not (isinstance(source, HoldsKey) and may_show_key_later(request)):
        return identify_sender(request), None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _WITHOUT_NAME:
            raise HTTPException(413, f"a body without a key in its headers may have {_WITHOUT_NAME} bytes")
    # Nothing is decompressed for somebody without a name.
    packed = request.headers.get("content-encoding", "identity") != "identity"
    return identify_by(request, "" if packed else source.key_in(bytes(body))), bytes(body)


async def _taken_in(
    request: Request, sender: Caller, source: Source, asked: IngestRequest, held: Holding, told: bytes | None
) -> Answer:
    system = system_of(request)
    raw = await _raw(request, held) if told is None else told
    async with system.ingestion.turns.turn(asked.tenant, len(raw)):
        body = decompressed(raw, asked.headers.get("content-encoding", "identity"))
        held.hold(len(raw) if body is raw else len(raw) + len(body))
        intake = await _decoded(source, replace(asked, body=body), system.ingest_table)
    answer = await system.ingestion.accept(intake, sender.name)
    if isinstance(source, NamesPrecedents) and intake.alerts:
        known = await system.memory.recall(asked.tenant, intake.alerts[0].title, (), _MOST_SIMILAR)
        return source.with_precedents(answer, sum(each.similarity >= _SIMILAR for each in known))
    return answer


async def _decoded(source: Source, asked: IngestRequest, table: SeriesTable) -> Intake:
    # A thread shares the interpreter with the loop, which slows both; it is worth that only for what would stall it.
    if len(asked.body) <= _AT_ONCE:
        return source.decode(asked, table)
    return await aside(lambda: source.decode(asked, table), "akeso-decode")


def _response(answer: Answer, extra: dict[str, str]) -> Response:
    headers = {**answer.headers, **extra}
    return Response(answer.body, answer.status, headers=headers, media_type=answer.content_type)


async def _raw(request: Request, held: Holding) -> bytes:
    """The body as it came. One for which there is no room is heard to its end and not kept: a sender that is cut off
    would not read the answer."""
    told = request.headers.get("content-length", "")
    raw, heard, full = bytearray(), 0, _no_room(held, int(told) if told.isdecimal() else _UNTOLD)
    async for chunk in request.stream():
        heard += len(chunk)
        if heard > LIMIT:
            raise too_large("")
        if full is None and heard > held.size:
            full = _no_room(held, LIMIT)  # it did not say how long it is, and may become as long as any
        if full is None:
            raw += chunk
    if full is not None:
        raise full
    held.hold(heard)
    return bytes(raw)


def _no_room(held: Holding, size: int) -> Overloaded | None:
    try:
        held.hold(min(size, LIMIT))
    except Overloaded as full:
        return full
    return None
