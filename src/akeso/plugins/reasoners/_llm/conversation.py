"""A conversation with the model about one case: typed answer, read-only tools, bounded.

Imports the extra [llm]; the reasoner imports this when it is first asked, never before.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from pydantic_ai import Agent, NativeOutput, PromptedOutput, Tool, ToolOutput
from pydantic_ai.exceptions import UnexpectedModelBehavior, UsageLimitExceeded
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from akeso.domain.errors import Unavailable
from akeso.engine.breaker import BreakerOptions, CircuitBreaker
from akeso.plugins.reasoners._llm.answer import Answer
from akeso.plugins.reasoners._llm.budget import Budget
from akeso.plugins.reasoners._llm.dossier import INSTRUCTIONS
from akeso.plugins.reasoners._llm.guard import Guard, GuardedModel
from akeso.plugins.reasoners._llm.meters import Meters
from akeso.plugins.reasoners._llm.options import Form, LlmOptions
from akeso.plugins.reasoners._llm.queries import Queries
from akeso.plugins.reasoners._llm.wire import open_client, open_model, prices_of
from akeso.ports.clock import Clock
from akeso.ports.reasoner import PositionStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """An open line to the provider."""

    model: Model
    guard: Guard
    close: Callable[[], Awaitable[None]]


def open_line(options: LlmOptions, clock: Clock, meters: Meters, positions: PositionStore | None) -> Line:
    """Takes a second or two (imports, certificates): call it off the event loop. Nothing is sent yet."""
    client = open_client(options)
    patience, prices = options.patience, prices_of(options)
    if prices.input is None or prices.output is None:
        log.warning("llm.price_unknown", model=options.model, bounded_by="tokens alone")
    guard = Guard(
        options,
        Budget(options.limits, prices, clock, positions),
        CircuitBreaker("the language model", clock, BreakerOptions(patience.failures, patience.rest)),
        meters,
    )
    return Line(open_model(options, client), guard, client.aclose)


async def ask(line: Line, incident: str, prompt: str, queries: Queries) -> Answer:
    """The model's answer, not yet checked. Raises Unavailable when none fits, BudgetSpent, CircuitOpen."""
    options = line.guard.options
    limits = options.limits
    agent = Agent(
        GuardedModel(line.model, line.guard, incident),
        output_type=_form(options.form),
        instructions=INSTRUCTIONS,
        tools=_tools(queries),
        retries=1,
    )
    try:
        result = await agent.run(
            prompt,
            model_settings=ModelSettings(max_tokens=limits.answer_tokens),
            usage_limits=UsageLimits(request_limit=limits.requests, tool_calls_limit=limits.tool_calls),
        )
    except UsageLimitExceeded as bad:
        raise Unavailable("the model asked and asked without an answer") from bad
    except UnexpectedModelBehavior as bad:
        raise Unavailable("the model's answer did not have the form that was asked for") from bad
    return result.output


def _form(form: Form) -> ToolOutput[Answer] | NativeOutput[Answer] | PromptedOutput[Answer]:
    match form:
        case Form.TOOL:
            return ToolOutput(Answer, name="explain")
        case Form.NATIVE:
            return NativeOutput(Answer)
        case Form.PROMPTED:
            return PromptedOutput(Answer)


def _tools(queries: Queries) -> list[Tool[object]]:
    """All read only: nothing in here can reach an action, an approval or the journal."""
    functions = (
        queries.services,
        queries.metrics,
        queries.logs,
        queries.traces,
        queries.topology,
        queries.bridging,
        queries.past,
        queries.history,
    )
    return [Tool(function, takes_ctx=False, name=f"query_{function.__name__}") for function in functions]
