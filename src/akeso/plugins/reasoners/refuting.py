"""A reasoner that tries to refute the diagnosis with DoWhy (extra [causal]) and says what came of it."""

from dataclasses import replace
from datetime import timedelta

from akeso.causal.effect import Effect, NotEstimable, by_regression
from akeso.causal.refutation import Refutation
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Citation, Claim, Explanation
from akeso.domain.telemetry.batches import SeriesKey
from akeso.plugins.reasoners._refutation.worker import Worker, WorkerOptions, require
from akeso.ports.reasoner import ReasonerContext
from akeso.stages.diagnosis.causal_claim import Claimed, claim_of
from akeso.stages.diagnosis.knowledge_file import shipped_knowledge
from akeso.stages.diagnosis.narrative import NarrativeOptions, narrate

_LAGS = 10


class Refuting:
    """The deterministic words, and below them the effect that the diagnosis claims with what became of the attempts to
    refute it. They change no confidence: a claim that falls is told to people, who decide. within_s: time for DoWhy."""

    name = "refuting"

    def __init__(self, within_s: float = 20.0, worker: Worker | None = None) -> None:
        self._worker = worker or Worker(WorkerOptions(within=timedelta(seconds=within_s)))
        self._around: ReasonerContext | None = None

    def connect(self, around: ReasonerContext) -> None:
        """Raises InvalidSettings without the extra."""
        require()
        self._around = around

    async def close(self) -> None:
        await self._worker.close()

    async def explain(self, case: Case, diagnosis: Diagnosis) -> Explanation:
        knowledge = self._around.knowledge if self._around is not None else shipped_knowledge()
        written = narrate(case, diagnosis, knowledge, NarrativeOptions())
        tested = await self.tested(case, diagnosis)
        text = "\n".join([written.text, "", "Attempts to refute it:", *(f"- {claim.text}" for claim in tested)])
        return replace(written, reasoner=self.name, text=text, claims=(*written.claims, *tested))

    async def tested(self, case: Case, diagnosis: Diagnosis) -> tuple[Claim, ...]:
        """The claim, its effect and what became of each attempt, one sentence each; or why there is none."""
        claimed = claim_of(case, diagnosis)
        if isinstance(claimed, NotEstimable):
            return (Claim(f"there is nothing to refute: {claimed.why}"),)
        effect = by_regression(claimed.trial, lags=_LAGS)
        cited = (Citation("effect", said(claimed, effect), self.name),)
        attempts = await self._worker.refute(claimed.trial)
        if isinstance(attempts, NotEstimable):
            return (Claim(said(claimed, effect), cited), Claim(attempts.why))
        return (Claim(said(claimed, effect), cited), *(Claim(_outcome(each), cited) for each in attempts))


def said(claimed: Claimed, effect: Effect | NotEstimable) -> str:
    """The claim and its size in words."""
    pair = f"{_named(claimed.cause)} → {_named(claimed.effect)}"
    if isinstance(effect, NotEstimable):
        return f"{pair}: its size cannot be told, {effect.why}"
    load = ", at equal load" if claimed.controlled else ""
    return (
        f"{pair}: {effect.estimate:.3g} for each 1 more{load} ({effect.level:.0%} between {effect.low:.3g} and"
        f" {effect.high:.3g}, {effect.samples} slots)"
    )


def _outcome(attempt: Refutation) -> str:
    became = "the effect stands" if attempt.holds else "the effect does NOT stand"
    return f"{attempt.attempt}: {became} (then {attempt.mean:.3g}, p = {attempt.p:.2g})"


def _named(key: SeriesKey) -> str:
    peer = next((f" to {value}" for name, value in key.attributes if name == "peer"), "")
    return f"{key.metric.removeprefix('akeso.')} of {key.service}{peer}"
