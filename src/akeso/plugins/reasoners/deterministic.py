"""A reasoner that needs no language model: the evidence as a numbered chain."""

from akeso.domain.case import Case
from akeso.domain.diagnosis import UNKNOWN, Diagnosis, Evidence, Hypothesis
from akeso.domain.telemetry import NANOSECONDS


class Deterministic:
    """Says what was found, for and against, and what else it might be."""

    name = "deterministic"

    def __init__(self, most: int = 6) -> None:
        self._most = most

    async def explain(self, case: Case, diagnosis: Diagnosis) -> str:
        """Numbered statements, each with its provider; the same diagnosis gives the same text."""
        best = diagnosis.best
        if best is None:
            return diagnosis.explanation or "Nothing was found that points to a cause."
        since = (case.now - case.onset) / NANOSECONDS
        lines = [_headline(best, known=diagnosis.known), f"The onset was {since:.0f} s before this was written."]
        lines += [f"{i}. {_cited(e)}" for i, e in enumerate(_telling(best)[: self._most], start=1)]
        others = [f"{h.service} ({h.fault_class}, {h.confidence:.0%})" for h in diagnosis.hypotheses[1:4]]
        if others:
            lines.append(f"Also considered: {', '.join(others)}.")
        if not diagnosis.known:
            lines.append(diagnosis.explanation)
        return "\n".join(lines)


def _headline(best: Hypothesis, *, known: bool) -> str:
    kind = "an unknown fault" if best.fault_class == UNKNOWN else best.fault_class.replace("_", " ")
    start = "Root cause" if known else "Not known; the best guess"
    return f"{start}: {kind} of {best.service} (probability {best.confidence:.0%})."


def _telling(best: Hypothesis) -> list[Evidence]:
    return [e for e in best.evidence if e.weight or e.classes]


def _cited(evidence: Evidence) -> str:
    direction = "against" if evidence.weight < 0 else "for"
    return f"{evidence.statement} [{evidence.provider}, {abs(evidence.weight):.1f} {direction}]"
