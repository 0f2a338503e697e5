"""Buttons that people press in Slack."""

import asyncio
from collections.abc import Sequence

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from akeso.composition.system import System
from akeso.config.channel_settings import SlackOptions
from akeso.domain.errors import AkesoError, Forbidden, InvalidInput
from akeso.domain.estate.access import Caller
from akeso.faces.api.errors import problem, status_of
from akeso.protocols.slack import Press, SlackSignatures, presses
from akeso.targets.http import call

log = structlog.get_logger(__name__)

PATH = "/api/v1/slack/interactions"
_LARGEST = 2**18
_REPLY_S = 5.0
_CHANNEL = "slack"


def slack_router(system: System) -> APIRouter:
    """The endpoint that Slack is told as the app's request URL."""
    router, options = APIRouter(tags=["approvals"]), system.settings.slack
    door = _Door(system, options)

    @router.post(PATH)
    async def interact(request: Request) -> JSONResponse:
        """Acknowledge, approve, preview or reject, in the name of whoever pressed. Slack signs it; the role counts as
        by any other door."""
        return await door.answer(request)

    return router


class _Door:
    def __init__(self, system: System, options: SlackOptions) -> None:
        self._system, self._options = system, options
        self._signatures = SlackSignatures(options.signing_secret.get_secret_value())
        self._replies: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request) -> JSONResponse:
        try:
            body = await _body(request)
            self._signatures.check(dict(request.headers), body, self._system.clock.now())
            pressed = presses(body)
        except AkesoError as refused:
            await self._system.answers.refuse(_CHANNEL, "", str(refused))
            # Who is not known is not told more than that.
            return JSONResponse(problem(refused), 401 if isinstance(refused, Forbidden) else status_of(refused))
        return await self._do(pressed)

    async def _do(self, pressed: Sequence[Press]) -> JSONResponse:
        said: list[str] = []
        for press in pressed:
            try:
                words = await self._system.answers.answer(self._caller(press), press.verb, press.target)
            except AkesoError as refused:
                await self._system.answers.refuse(_CHANNEL, press.user, f"{press.verb} {press.target}: {refused}")
                self._reply(press, f"This did not count: {refused}", everybody=False)
                return JSONResponse(problem(refused), status_of(refused))
            self._reply(press, words, everybody=True)
            said.append(words)
        return JSONResponse({"done": said})

    def _caller(self, press: Press) -> Caller:
        person = self._options.people.get(press.user)
        if person is None:
            raise Forbidden(f"nobody here is {press.user[:50]} in Slack (slack.people)")
        return Caller(person.name, person.role, person.tenant or self._system.settings.tenant)

    def _reply(self, press: Press, words: str, *, everybody: bool) -> None:
        """Words in the channel; Slack waits three seconds for the answer, and for these not at all."""
        if not press.reply_to.startswith(self._options.responses):
            return
        task = asyncio.create_task(_send(press.reply_to, words, everybody=everybody), name="reply in slack")
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)


async def _send(place: str, words: str, *, everybody: bool) -> None:
    kind = "in_channel" if everybody else "ephemeral"
    try:
        await call("POST", place, _REPLY_S, {"text": words, "response_type": kind, "replace_original": False})
    except AkesoError as lost:
        log.warning("slack.reply_lost", error=str(lost))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise InvalidInput("body", f"is larger than {_LARGEST} bytes")
    return bytes(body)
