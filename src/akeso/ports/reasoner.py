"""Reasoners: put a diagnosis into words."""

from typing import Protocol, runtime_checkable

from akeso.domain.case import Case
from akeso.domain.diagnosis import Diagnosis


@runtime_checkable
class Reasoner(Protocol):
    """Explains. It can never change the ranking or raise the confidence."""

    name: str

    async def explain(self, case: Case, diagnosis: Diagnosis) -> str:
        """A text for the person on call that cites the evidence it stands on."""
        ...
