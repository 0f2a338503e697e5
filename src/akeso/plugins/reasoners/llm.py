"""A reasoner that asks a language model (extra [llm]). Off unless the settings choose it."""

import asyncio
import importlib
import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from akeso.domain.errors import AkesoError, InvalidSettings
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Claim, Explanation
from akeso.plugins.reasoners._llm.answer import Answer, keep
from akeso.plugins.reasoners._llm.cache import Cache, digest_of
from akeso.plugins.reasoners._llm.dossier import opening
from akeso.plugins.reasoners._llm.exhibits import Exhibits
from akeso.plugins.reasoners._llm.meters import Meters
from akeso.plugins.reasoners._llm.options import LlmOptions
from akeso.plugins.reasoners._llm.queries import Queries
from akeso.ports.reasoner import ReasonerContext
from akeso.stages.diagnosis.narrative import headline, narrate

if TYPE_CHECKING:
    from akeso.plugins.reasoners._llm.conversation import Line

log = structlog.get_logger(__name__)

_CONVERSATION = "akeso.plugins.reasoners._llm.conversation"


class Llm:
    """Puts a diagnosis into words with a language model: what it says is checked, and shown with what it cites.

    It is given redacted findings and may ask read-only questions. It cannot change the ranking, raise a confidence,
    approve or act: an explanation has no place for any of it. Whatever goes wrong, the deterministic words are given,
    with a note.
    """

    name = "llm"

    def __init__(self, options: LlmOptions | None = None) -> None:
        self._options = options or LlmOptions()
        self._around: ReasonerContext | None = None
        self._line: Line | None = None
        self._opening = asyncio.Lock()

    def connect(self, around: ReasonerContext) -> None:
        """Gives it what it works with. Raises InvalidSettings when the extra or a setting is missing."""
        self._options.checked()
        if importlib.util.find_spec("pydantic_ai") is None:
            raise InvalidSettings("healing.reasoner", "llm needs the extra [llm]: pip install 'akeso[llm]'")
        self._around = around
        self._meters = Meters(around.registry)
        self._cache = Cache(around.clock, self._options.cached_for)

    async def explain(self, case: Case, diagnosis: Diagnosis) -> Explanation:
        """The model's words where they can be had, else the deterministic ones with a note that says why."""
        around = self._connected()
        if diagnosis.best is None:
            return self._fallback(case, diagnosis, "there is no finding to explain")
        try:
            async with asyncio.timeout(self._options.patience.within.total_seconds()):
                return await self._asked(around, case, diagnosis)
        except TimeoutError:
            return self._fallback(case, diagnosis, "the language model took too long")
        except AkesoError as bad:
            return self._fallback(case, diagnosis, f"no words of the language model: {bad}")
        # The boundary of somebody else's code: words are a comfort, and there are others.
        except Exception as bad:  # noqa: BLE001
            # Its message may quote what was sent, and is not logged.
            log.warning("llm.failed", error=type(bad).__name__, incident=case.incident)
            return self._fallback(case, diagnosis, f"no words of the language model ({type(bad).__name__})")

    async def close(self) -> None:
        """Ends the connections to the provider; the next explanation opens new ones."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def _asked(self, around: ReasonerContext, case: Case, diagnosis: Diagnosis) -> Explanation:
        shown = Exhibits()
        prompt = await asyncio.to_thread(opening, case, diagnosis, around.knowledge, shown)
        options = self._options
        digest = digest_of(case.tenant, options.provider, options.url, options.model, prompt)
        if (known := self._cache.find(digest)) is not None:
            self._meters.explanations.labels("cached").inc()
            return known
        queries = Queries(case, around.knowledge, shown, around.recall, around.history)
        line = await self._opened(around)
        conversation = importlib.import_module(_CONVERSATION)
        answer: Answer = await conversation.ask(line, case.incident, prompt, queries)
        written = self._checked(diagnosis, answer, shown)
        if not written.claims:
            said = f"nothing that the language model said cites what exists ({written.dropped} sentences left out)"
            return replace(self._fallback(case, diagnosis, said), dropped=written.dropped)
        self._meters.explanations.labels("written").inc()
        self._cache.put(digest, written)
        return written

    def _checked(self, diagnosis: Diagnosis, answer: Answer, shown: Exhibits) -> Explanation:
        kept = keep(answer, shown.known)
        for why, count in kept.dropped.items():
            self._meters.dropped.labels(why).inc(count)
        lines = [headline(diagnosis), *_numbered(kept.claims)]
        lines += ["It might help to:", *(f"- {_cited(p)}" for p in kept.proposals)] if kept.proposals else []
        note = f"in the words of {self._options.model}; cause, class and probability are Akeso's own"
        dropped = sum(kept.dropped.values())
        return Explanation(self.name, "\n".join(lines), kept.claims, kept.proposals, dropped, note)

    async def _opened(self, around: ReasonerContext) -> "Line":
        async with self._opening:
            if self._line is None:
                self._line = await asyncio.to_thread(self._open, around)
        return self._line

    def _open(self, around: ReasonerContext) -> "Line":
        conversation = importlib.import_module(_CONVERSATION)
        line: Line = conversation.open_line(self._options, around.clock, self._meters, around.positions)
        return line

    def _connected(self) -> ReasonerContext:
        if self._around is None:
            raise InvalidSettings("healing.reasoner", "llm was not connected")
        return self._around

    def _fallback(self, case: Case, diagnosis: Diagnosis, why: str) -> Explanation:
        self._meters.explanations.labels("fallback").inc()
        written = narrate(case, diagnosis, self._connected().knowledge)
        return replace(written, reasoner="deterministic", note=why)


def _numbered(claims: tuple[Claim, ...]) -> list[str]:
    return [f"{number}. {_cited(claim)}" for number, claim in enumerate(claims, start=1)]


def _cited(claim: Claim) -> str:
    return f"{claim.text} [{', '.join(c.id for c in claim.citations)}]"
