"""A reasoner that needs no language model: the evidence as a numbered chain."""

from dataclasses import replace

from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.stages.diagnosis.knowledge_file import shipped_knowledge
from akeso.stages.diagnosis.narrative import NarrativeOptions, narrate


class Deterministic:
    """Says what was found, from the machine to the software, how it spread, what speaks against it, and what else."""

    name = "deterministic"

    def __init__(self, knowledge: Knowledge | None = None, most: int = 6) -> None:
        self._knowledge, self._options = knowledge, NarrativeOptions(most)

    async def explain(self, case: Case, diagnosis: Diagnosis) -> Explanation:
        """Numbered statements, each with its provider; the same diagnosis gives the same text."""
        written = narrate(case, diagnosis, self._knowledge or shipped_knowledge(), self._options)
        return replace(written, reasoner=self.name)
