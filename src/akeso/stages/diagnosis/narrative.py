"""The narrative of a diagnosis: a numbered chain of evidence, in the same words for the same findings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis, Evidence, Hypothesis
from akeso.domain.incident.explanation import Citation, Claim, Explanation
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.stages.diagnosis.bridging import Chain, chains
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Blame, CallEffect

_CALLERS = 4  # a broad fault is not told caller by caller


@dataclass(frozen=True, slots=True)
class NarrativeOptions:
    """How much a narrative says.

    most: findings for the cause, and as many against it.
    others: how many other hypotheses are named.
    """

    most: int = 6
    others: int = 3


def exhibits(diagnosis: Diagnosis) -> Mapping[str, Evidence]:
    """Every finding of a diagnosis by the id that claims cite it with: E1, E2, … in the order of the hypotheses."""
    found = [evidence for hypothesis in diagnosis.hypotheses for evidence in hypothesis.evidence]
    return MappingProxyType({f"E{number}": evidence for number, evidence in enumerate(found, start=1)})


def citation(identifier: str, evidence: Evidence) -> Citation:
    """A finding as what a claim stands on."""
    return Citation(identifier, evidence.statement, evidence.provider)


def narrate(
    case: Case, diagnosis: Diagnosis, knowledge: Knowledge, options: NarrativeOptions | None = None
) -> Explanation:
    """What speaks for the cause, how a machine's fault reached software, how it spread, and what speaks against it."""
    options = options or NarrativeOptions()
    best = diagnosis.best
    if best is None:
        return Explanation("", diagnosis.explanation or "Nothing was found that points to a cause.")
    identified = {id(evidence): name for name, evidence in exhibits(diagnosis).items()}
    parts = {
        "": [_declared(identified, e) for e in _telling(best) if e.weight >= 0][: options.most],
        "From the machine to the software:": list(_bridge(case, best, knowledge)),
        "How it spread:": list(_spread(case, best.service)),
        "What speaks against it:": [_declared(identified, e) for e in _telling(best) if e.weight < 0][: options.most],
    }
    since = (case.now - case.onset) / NANOSECONDS
    head = [headline(diagnosis), f"The onset was {since:.0f} s before this was written."]
    lines = [*head, *_numbered(parts), *_rest(diagnosis, options)]
    return Explanation("", "\n".join(lines), tuple(claim for claims in parts.values() for claim in claims))


def headline(diagnosis: Diagnosis) -> str:
    """The verdict in one sentence."""
    best = diagnosis.best
    if best is None:
        return "Not known; there is no guess."
    kind = "an unknown fault" if best.fault_class == UNKNOWN else best.fault_class.replace("_", " ")
    start = "Root cause" if diagnosis.known else "Not known; the best guess"
    inner = f", at {best.cause}," if best.cause is not None else ""
    return f"{start}: {kind} of {best.service}{inner} (probability {best.confidence:.0%})."


def _telling(best: Hypothesis) -> list[Evidence]:
    return [e for e in best.evidence if e.weight or e.classes]


def _declared(identified: Mapping[int, str], evidence: Evidence) -> Claim:
    direction = "against" if evidence.weight < 0 else "for"
    text = f"{evidence.statement} [{evidence.provider}, {abs(evidence.weight):.1f} {direction}]"
    return Claim(text, (citation(identified[id(evidence)], evidence),))


def _bridge(case: Case, best: Hypothesis, knowledge: Knowledge) -> Iterator[Claim]:
    """The longest chain that begins or ends at the best hypothesis, link by link."""
    concerned = (c for c in chains(case, knowledge) if best.service in {c.root.service, c.end.service})
    chain: Chain | None = next(concerned, None)
    for step in chain.steps if chain else ():
        seen = step.match.statement if step.match else "not measured"
        because = f"therefore ({step.link.because}) " if step.link else ""
        source = step.link.source if step.link else "sighting"
        yield Claim(f"{because}{step.symptom.says}: {seen}", (Citation(step.symptom.name, seen, source),))


def _spread(case: Case, service: str) -> Iterator[Claim]:
    """The callers that suffer, nearest first."""
    found, reached, told = effects(case), [service], 0
    for callee in reached:
        for edge in case.topology.callers(callee):
            effect = found.get(edge.caller)
            if effect is None or effect.well or edge.caller in reached:
                continue
            call = next((c for c in effect.calls if c.callee == callee and c.blame is Blame.CALLEE), None)
            if call is None:
                continue
            reached.append(edge.caller)
            told += 1
            if told <= _CALLERS:
                yield _passed_on(edge.caller, call)


def _passed_on(caller: str, call: CallEffect) -> Claim:
    cost = [f"{call.slower_ms:.0f} ms more a call"] if call.slower_ms >= 1 else []
    cost += [f"{call.errors:.0%} more errors"] if call.errors >= 0.005 else []
    seen = f"{caller} calls {call.callee}" + (f", which costs it {' and '.join(cost)}" if cost else "")
    return Claim(seen, (Citation(f"{caller}→{call.callee}", call.why or seen, "topology"),))


def _numbered(parts: Mapping[str, Sequence[Claim]]) -> Iterator[str]:
    number = 0
    for title, claims in parts.items():
        if claims and title:
            yield title
        for claim in claims:
            number += 1
            yield f"{number}. {claim.text}"


def _rest(diagnosis: Diagnosis, options: NarrativeOptions) -> Iterator[str]:
    others = diagnosis.hypotheses[1 : options.others + 1]
    if others:
        yield f"Also considered: {', '.join(f'{h.service} ({h.fault_class}, {h.confidence:.0%})' for h in others)}."
    if not diagnosis.known:
        yield diagnosis.explanation
