"""What can be set about the language model. Parsed once by the settings; imports nothing of any provider."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import SecretStr

from akeso.domain.errors import InvalidSettings


class Provider(StrEnum):
    """Whose protocol is spoken. OPENAI speaks Chat Completions, RESPONSES its Responses; both to any endpoint."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    RESPONSES = "openai-responses"
    GROQ = "groq"
    HUGGINGFACE = "huggingface"


class Form(StrEnum):
    """How the typed answer is asked for: as a call of a tool, by the provider's JSON mode, or in the prompt."""

    TOOL = "tool"
    NATIVE = "native"
    PROMPTED = "prompted"


URLS = {
    Provider.ANTHROPIC: "https://api.anthropic.com",
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.RESPONSES: "https://api.openai.com/v1",
    Provider.GROQ: "https://api.groq.com/openai/v1",
    Provider.HUGGINGFACE: "https://router.huggingface.co/v1",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often the language model is asked.

    within: time for a whole explanation.
    each: time for one request.
    attempts: tries of one request; `Retry-After` up to 20 s is honoured.
    first_wait: the wait before the second try; it doubles with each.
    failures: failed requests in a row after which none is made for `rest`.
    rest: see `failures`.
    """

    within: timedelta = timedelta(seconds=90)
    each: timedelta = timedelta(seconds=40)
    attempts: int = 3
    first_wait: timedelta = timedelta(milliseconds=500)
    failures: int = 3
    rest: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an explanation may cost. Tokens count input and output; a day is one of UTC.

    requests: requests of one explanation.
    tool_calls: calls of tools in one explanation.
    answer_tokens: tokens that one answer of the model may have.
    answer_bytes: bytes of one answer over the wire.
    incident_tokens: tokens of all explanations of an incident.
    day_tokens: tokens of a day; outlives restarts.
    incident_money: US dollars of all explanations of an incident.
    day_money: US dollars of a day; outlives restarts.
    input_price: US dollars for a million input tokens; unset: as genai-prices knows it, and where it does not, money
        bounds
        nothing.
    output_price: US dollars for a million output tokens; unset: likewise.
    """

    requests: int = 6
    tool_calls: int = 12
    answer_tokens: int = 2_000
    answer_bytes: int = 1_000_000
    incident_tokens: int = 60_000
    day_tokens: int = 1_000_000
    incident_money: float = 0.5
    day_money: float = 5.0
    input_price: float | None = None
    output_price: float | None = None


@dataclass(frozen=True, slots=True)
class LlmOptions:
    """The language model that puts diagnoses into words.

    provider: whose protocol is spoken.
    model: the model's name at the provider.
    base_url: another endpoint that speaks the provider's protocol; "": the provider's own.
    api_key: the key; without one, that of the provider's own variable, in the environment or `.env`.
    form: how the typed answer is asked for: as a call of a tool, by the provider's JSON mode, or in the prompt.
    cached_for: how long the same findings get the same words.
    patience: how long and how often the language model is asked.
    limits: what an explanation may cost.
    """

    provider: Provider = Provider.OPENAI
    model: str = ""
    base_url: str = ""
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    form: Form = Form.TOOL
    cached_for: timedelta = timedelta(hours=1)
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)

    @property
    def url(self) -> str:
        """Where requests go."""
        return self.base_url or URLS[self.provider]

    @property
    def local(self) -> bool:
        """Whether the endpoint is on this machine: then it needs no key and is never reached through a proxy."""
        return urlsplit(self.url).hostname in {"127.0.0.1", "localhost", "::1"}

    def checked(self) -> "LlmOptions":
        """Itself. Raises InvalidSettings naming what is missing or does not fit."""
        if not self.model:
            raise InvalidSettings("llm.model", "is missing: name the model that the provider shall run")
        if self.base_url and urlsplit(self.base_url).scheme not in {"http", "https"}:
            raise InvalidSettings("llm.base_url", "must begin with http:// or https://")
        if not self.local and urlsplit(self.url).scheme != "https":
            raise InvalidSettings("llm.base_url", "must be https:// unless it is on this machine")
        if not self.api_key.get_secret_value() and not self.local:
            raise InvalidSettings("llm.api_key", f"is missing: set AKESO_LLM__API_KEY or {KEYS[self.provider]}")
        return self


KEYS = {
    Provider.ANTHROPIC: "ANTHROPIC_API_KEY",
    Provider.OPENAI: "OPENAI_API_KEY",
    Provider.RESPONSES: "OPENAI_API_KEY",
    Provider.GROQ: "GROQ_API_KEY",
    Provider.HUGGINGFACE: "HF_TOKEN",
}
