"""The way to the provider: a model of pydantic-ai over an HTTP client that reads no more than it should.

Imports the extra [llm]; nothing but the conversation imports this.
"""

from collections.abc import AsyncIterator

import httpx2
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from akeso.domain.errors import InvalidInput
from akeso.plugins.reasoners._llm.budget import Prices
from akeso.plugins.reasoners._llm.options import URLS, LlmOptions, Provider

_CONNECT_S = 10.0
_MILLION = 1_000_000
_NO_KEY = "none"  # local endpoints want some key, whichever


def open_client(options: LlmOptions) -> httpx2.AsyncClient:
    """The HTTP client of all requests. Retries are made elsewhere, where they are counted and paid for."""
    timeout = httpx2.Timeout(options.patience.each.total_seconds(), connect=_CONNECT_S)

    async def bound(response: httpx2.Response) -> None:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            # It was asked for plain text; what a few packed bytes unpack to has no bound.
            raise InvalidInput("Content-Encoding", f"the provider answers in {encoding!r} unasked")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, options.limits.answer_bytes)

    return httpx2.AsyncClient(
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
        trust_env=not options.local,
        follow_redirects=False,  # a redirect would take the key elsewhere
        event_hooks={"response": [bound]},
    )


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error when it grows beyond a limit."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream, self._most = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._most:
                raise InvalidInput("answer", f"is longer than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def open_model(options: LlmOptions, client: httpx2.AsyncClient) -> Model:
    """The provider's model. Nothing is sent yet."""
    key = options.api_key.get_secret_value() or _NO_KEY
    if options.provider is Provider.ANTHROPIC:
        sdk = AsyncAnthropic(api_key=key, base_url=options.url, http_client=client, max_retries=0)
        return AnthropicModel(options.model, provider=AnthropicProvider(anthropic_client=sdk))
    speaker = AsyncOpenAI(api_key=key, base_url=options.url, http_client=client, max_retries=0)
    if options.provider in {Provider.OPENAI, Provider.RESPONSES} and options.url == URLS[options.provider]:
        provider: OpenAIProvider | OpenAICompatibleProvider = OpenAIProvider(openai_client=speaker)
    else:
        provider = OpenAICompatibleProvider(options.provider.value, openai_client=speaker)
    if options.provider is Provider.RESPONSES:
        return OpenAIResponsesModel(options.model, provider=provider)
    return OpenAIChatModel(options.model, provider=provider)


def prices_of(options: LlmOptions) -> Prices:
    """As the settings have them, else as genai-prices knows them (from its own data, nothing is fetched)."""
    limits = options.limits
    if limits.input_price is not None or limits.output_price is not None:
        return Prices((limits.input_price or 0.0) / _MILLION, (limits.output_price or 0.0) / _MILLION)
    if options.local:
        return Prices(0.0, 0.0)
    return Prices(
        *(_listed_price(options, input_tokens, output_tokens) for input_tokens, output_tokens in ((1, 0), (0, 1)))
    )


def _listed_price(options: LlmOptions, input_tokens: int, output_tokens: int) -> float | None:
    """US dollars for a token, by the price of a thousand, which is below every tier that some models have."""
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=1_000 * input_tokens, output_tokens=1_000 * output_tokens)
    try:
        found = calc_price(usage, options.model, provider_api_url=options.url)
    except LookupError:
        return None
    return float(found.total_price) / 1_000
