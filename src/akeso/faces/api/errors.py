"""From Akeso's errors to HTTP."""

import math

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from akeso.domain import errors as e

_STATUS: tuple[tuple[type[e.AkesoError], int], ...] = (
    (e.InvalidTransition, 409),
    (e.InvalidSettings, 500),  # a file of this installation is wrong, not what the caller sent
    (e.InvalidInput, 422),
    (e.NotFound, 404),
    (e.Forbidden, 403),
    (e.Conflict, 409),
    (e.Overloaded, 429),
    (e.Unavailable, 503),
)


_PLACES = frozenset({"body", "query", "path", "header"})


def status_of(error: e.AkesoError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def retry_headers(error: e.AkesoError) -> dict[str, str]:
    """Retry-After for the errors that ask the sender to come back."""
    match error:
        case e.Overloaded(retry_after=after):
            return {"Retry-After": str(max(1, math.ceil(after.total_seconds())))}
        case e.Unavailable():
            return {"Retry-After": "2"}
    return {}


def problem(error: e.AkesoError) -> dict[str, str]:
    """The error as a JSON body: what is wrong, and where, in the sender's own words."""
    body = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, e.InvalidInput):
        body |= {"field": error.field, "reason": error.reason}
    return body


def install(api: FastAPI) -> None:
    """Answer every AkesoError, and every body FastAPI refuses, in this shape."""

    @api.exception_handler(e.AkesoError)
    async def answer(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, e.AkesoError)
        return JSONResponse(problem(error), status_of(error), retry_headers(error))

    @api.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part not in _PLACES) or "body"
        body = {"error": "InvalidInput", "message": f"{field}: {first['msg']}", "field": field, "reason": first["msg"]}
        return JSONResponse(body | {"detail": jsonable_encoder(error.errors(), exclude={"ctx", "input"})}, 422)
