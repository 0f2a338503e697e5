"""Evidence from bridging knowledge: what a machine suffers explains what software shows."""

from collections.abc import Iterator, Sequence

from akeso.domain.estate.knowledge import Knowledge, Layer
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence
from akeso.stages.diagnosis.bridging import Chain, chains
from akeso.stages.diagnosis.knowledge_file import shipped_knowledge

_MOST_MATCHES = 4  # more symptoms of one chain are no further proof


class Bridging:
    """A chain speaks for the place of its first cause, and against the software that shows its first effect.

    weight: log-odds for each symptom of a machine that is seen, and for its effect; inferred: how much each step that
    is not seen takes away, as a share; effect: log-odds against another service at its software end, counted the same
    way; kind: log-odds of the fault class; caused: what is left of all where the chain begins at the host, because
    software wears out memory, processors and disks as well.
    """

    name = "bridging"

    def __init__(
        self,
        knowledge: Knowledge | None = None,
        weight: float = 1.5,
        inferred: float = 0.2,
        effect: float = 1.0,
        kind: float = 1.5,
        caused: float = 0.3,
    ) -> None:
        self._knowledge = knowledge
        self._weight, self._inferred, self._effect = weight, inferred, effect
        self._kind, self._caused = kind, caused

    def gather(self, case: Case) -> Sequence[Evidence]:
        if self._knowledge is None:
            self._knowledge = shipped_knowledge()
        found = [evidence for chain in chains(case, self._knowledge) for evidence in self._findings(chain)]
        return _strongest(found)

    def _findings(self, chain: Chain) -> Iterator[Evidence]:
        root, shown = chain.root, chain.first_effect
        sure = min(chain.of_machines + 1, _MOST_MATCHES) * (1.0 - self._inferred) ** chain.inferred
        sure *= 1.0 if root.symptom.layer is Layer.PHYSICAL else self._caused
        numbers = {"seen": float(len(chain.seen)), "inferred": float(chain.inferred)}
        kind = root.symptom.fault_class
        yield Evidence(
            self.name,
            root.service,
            f"{chain.words}: {'; '.join(s.statement for s in chain.seen)}",
            self._weight * sure,
            {kind: self._kind * sure} if kind else {},
            numbers,
        )
        if shown.service != root.service:
            said = f"{shown.service} shows an effect ({shown.symptom.says}) of {root.service}: {root.symptom.says}"
            yield Evidence(self.name, shown.service, said, -self._effect * sure, numbers=numbers)


def _strongest(found: list[Evidence]) -> list[Evidence]:
    """One finding for and one against a service: the chains from one place share most of their links."""
    best: dict[tuple[str, bool], Evidence] = {}
    for evidence in found:
        key = (evidence.service, evidence.weight > 0)
        if key not in best or abs(evidence.weight) > abs(best[key].weight):
            best[key] = evidence
    return list(best.values())
