"""Reasoners: put a diagnosis into words."""

from typing import Protocol, runtime_checkable

from akeso.domain.case import Case
from akeso.domain.diagnosis import Diagnosis
from akeso.domain.explanation import Explanation


@runtime_checkable
class Reasoner(Protocol):
    """Explains. It can neither change the ranking nor raise the confidence nor approve: no Explanation holds these."""

    name: str

    async def explain(self, case: Case, diagnosis: Diagnosis) -> Explanation:
        """Words for the person on call; each claim cites what it stands on."""
        ...
