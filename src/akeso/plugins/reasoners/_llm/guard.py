"""The guard: every request of a conversation is bounded in time and money, tried again where that may help, and not
made at all while the provider is down.

Imports the extra [llm]; nothing but the conversation imports this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import stamina
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from akeso.domain.errors import CircuitOpen, InvalidInput, Unavailable
from akeso.engine.breaker import CircuitBreaker
from akeso.plugins.reasoners._llm.budget import Budget, BudgetSpent, Reservation
from akeso.plugins.reasoners._llm.meters import Meters
from akeso.plugins.reasoners._llm.options import LlmOptions

_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FREE = frozenset({400, 401, 403, 404, 413, 422, 429, 503, 529})  # the provider did not work for these
_BYTES_A_TOKEN = 3  # English has four; JSON and numbers fewer
_SCHEMA_TOKENS = 1_500  # the descriptions of the tools
_LONGEST_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Guard:
    """What all conversations share."""

    options: LlmOptions
    budget: Budget
    breaker: CircuitBreaker
    meters: Meters

    async def request(
        self, incident: str, messages: list[ModelMessage], send: Callable[[], Awaitable[ModelResponse]]
    ) -> ModelResponse:
        """The answer. Raises BudgetSpent, CircuitOpen, or Unavailable with what happened (never what was said)."""
        size = len(ModelMessagesTypeAdapter.dump_json(messages)) // _BYTES_A_TOKEN + _SCHEMA_TOKENS
        try:
            found = await self.breaker.call(lambda: self._answer_or_bill(incident, size, send))
        except CircuitOpen:
            self.meters.requests.labels("refused").inc()
            raise
        if isinstance(found, BudgetSpent):
            raise found
        return found

    async def _answer_or_bill(
        self, incident: str, size: int, send: Callable[[], Awaitable[ModelResponse]]
    ) -> ModelResponse | BudgetSpent:
        # A spent budget is no failure of the provider's, so the breaker must not see it as one.
        try:
            return await self._attempts(incident, size, send)
        except BudgetSpent as spent:
            return spent

    async def _attempts(self, incident: str, size: int, send: Callable[[], Awaitable[ModelResponse]]) -> ModelResponse:
        patience = self.options.patience
        try:
            async for attempt in stamina.retry_context(
                on=_wait_before_next,
                attempts=patience.attempts,
                wait_initial=patience.first_wait,
                wait_max=_LONGEST_WAIT_S,
                wait_jitter=patience.first_wait,
                timeout=None,
            ):
                with attempt:
                    return await self._once(incident, size, send)
        except (ModelAPIError, TimeoutError, InvalidInput) as bad:
            raise Unavailable(_what_happened(bad)) from bad
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, incident: str, size: int, send: Callable[[], Awaitable[ModelResponse]]) -> ModelResponse:
        try:
            reservation = await self.budget.reserve(incident, size, self.options.limits.answer_tokens)
        except BudgetSpent:
            self.meters.requests.labels("over_budget").inc()
            raise
        try:
            async with asyncio.timeout(self.options.patience.each.total_seconds()):
                response = await send()
        except BaseException as bad:
            # Who was not answered in time may have to pay all the same.
            if isinstance(bad, ModelHTTPError) and bad.status_code in _FREE:
                await self.budget.settle(reservation, 0, 0)
            self.meters.requests.labels("failed").inc()
            raise
        await self._book(reservation, response)
        return response

    async def _book(self, reservation: Reservation, response: ModelResponse) -> None:
        used = response.usage
        if used.input_tokens or used.output_tokens:
            money = await self.budget.settle(reservation, used.input_tokens, used.output_tokens)
            self.meters.tokens.labels("input").inc(used.input_tokens)
            self.meters.tokens.labels("output").inc(used.output_tokens)
            self.meters.dollars.inc(money)
        self.meters.requests.labels("answered").inc()


class GuardedModel(WrapperModel):
    """A model whose requests all pass the guard, on the account of one incident."""

    def __init__(self, wrapped: Model, guard: Guard, incident: str) -> None:
        super().__init__(wrapped)
        self._guard, self._incident = guard, incident

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The wrapped model's answer."""
        return await self._guard.request(
            self._incident,
            messages,
            lambda: self.wrapped.request(messages, model_settings, model_request_parameters),
        )


def _wait_before_next(bad: Exception) -> bool | float:
    """Whether to try again; as seconds, where the provider says how long to wait."""
    match bad:
        case ModelHTTPError() if bad.status_code not in _TRY_AGAIN:
            return False
        case ModelAPIError() if bad.retry_after:
            return bad.retry_after if bad.retry_after <= _LONGEST_WAIT_S else False
    return isinstance(bad, ModelAPIError | TimeoutError)


def _what_happened(bad: Exception) -> str:
    # Bodies of errors may quote what was sent; they stay where they are.
    match bad:
        case ModelHTTPError():
            return f"the provider answered {bad.status_code}"
        case TimeoutError():
            return "the provider did not answer in time"
        case InvalidInput():
            return f"the provider's {bad.field} {bad.reason}"
    return "the provider could not be reached or understood"
