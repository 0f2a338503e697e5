"""A reasoner on a line to a language model for tests, with a clock that tests move."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Self

import numpy as np
from prometheus_client import CollectorRegistry

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.domain.incident.memory import Recollection
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.query import MetricMatrix, MetricSelector, Range
from akeso.plugins.discovery import build
from akeso.plugins.reasoners._llm.options import Limits, LlmOptions, Patience, Provider
from akeso.plugins.reasoners.llm import Llm
from akeso.ports.reasoner import ReasonerContext
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.diagnosis.knowledge_file import shipped_knowledge
from akeso.testing.clock import FakeClock
from akeso.testing.servers.language_model import LanguageModel

# Generous where a busy machine may be slow, short where a test waits for it.
PATIENT = Patience(
    within=timedelta(seconds=60), each=timedelta(seconds=20), attempts=3, first_wait=timedelta(milliseconds=1)
)
MODEL = "test-model"


def options_for(model: LanguageModel, provider: Provider = Provider.OPENAI) -> LlmOptions:
    """Settings that lead to the model of a test."""
    path = "" if provider is Provider.ANTHROPIC else "/v1"
    return LlmOptions(provider, MODEL, f"{model.url}{path}", patience=PATIENT)


@dataclass
class Bench:
    """An Llm reasoner with everything around it; leaving the block closes its connections. recalled: what memory
    answers."""

    options: LlmOptions
    recalled: Sequence[Recollection] = ()
    asked: list[str] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock, self.registry = FakeClock(), CollectorRegistry()

    @classmethod
    def on(cls, model: LanguageModel, patience: Patience | None = None, limits: Limits | None = None) -> "Bench":
        """With some of the settings changed."""
        options = options_for(model)
        return cls(replace(options, patience=patience or options.patience, limits=limits or options.limits))

    @cached_property
    def reasoner(self) -> Llm:
        reasoner = Llm(self.options)
        reasoner.connect(
            ReasonerContext(self.clock, self.registry, shipped_knowledge(), self._recall, self._history, self)
        )
        return reasoner

    async def mark(self, name: str, value: int) -> None:
        """The keeper of what was spent."""
        self.marks[name] = value

    async def marked(self, name: str) -> int:
        return self.marks.get(name, 0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.reasoner.close()

    async def explain(self, case: Case, diagnosis: Diagnosis | None = None) -> Explanation:
        return await self.reasoner.explain(case, diagnosis or found(case))

    def meter(self, name: str, **labels: str) -> float:
        """A counter's value; 0 when it never counted."""
        return self.registry.get_sample_value(name, labels) or 0.0

    async def _history(self, selector: MetricSelector, over: Range) -> MetricMatrix:
        self.asked.append(f"{selector.tenant}: {selector.metric} of {selector.service}")
        key = SeriesKey(selector.tenant, selector.service, selector.metric)
        return MetricMatrix((key,), over.times, np.full((1, len(over.times)), 42.0))

    async def _recall(self, tenant: str, text: str, signature: Sequence[str], limit: int) -> Sequence[Recollection]:
        del signature
        self.asked.append(f"{tenant}: {text}")
        return self.recalled[:limit]


def found(case: Case) -> Diagnosis:
    """What all evidence providers that ship make of a case."""
    return diagnose(case, list(build("evidence").values()))
