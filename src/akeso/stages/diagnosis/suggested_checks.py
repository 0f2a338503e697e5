"""Where a diagnosis is not sure: what to look at next, from what is missing and from what stands against what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, Hypothesis
from akeso.domain.telemetry.signal import Signal

AT_MOST = 8
_WORTH = 0.1  # of a guess
_CLOSE = 0.5  # of the first's probability: the second is a rival
_FEW_SLOTS = 4
_SHORT_PAST = 30
_RESOURCES = frozenset({Signal.CPU, Signal.MEMORY, Signal.SATURATION})


@dataclass(frozen=True, slots=True)
class Doubts:
    """What a diagnosis that is not sure had. suspected: services with symptoms or alerts; evidence: all findings."""

    suspected: frozenset[str]
    evidence: Sequence[Evidence]


def suggested_checks(case: Case, hypotheses: Sequence[Hypothesis], doubts: Doubts) -> tuple[str, ...]:
    """Sentences, the most useful first, at most eight."""
    looks = [
        *_guesses(hypotheses),
        *_rivals(case, hypotheses),
        *_soon(case),
        *_unmeasured(case, hypotheses, doubts.suspected),
        *_unheard(case, hypotheses, doubts.suspected),
        *_unknown_surroundings(case),
    ]
    return tuple(dict.fromkeys(looks))[:AT_MOST]


def _guesses(hypotheses: Sequence[Hypothesis]) -> Iterator[str]:
    for guess in hypotheses[:2]:
        if guess.confidence >= _WORTH:
            because = next((f": {e.statement}" for e in guess.evidence if e.weight > 0), "")
            yield f"Look next at {guess.service} ({guess.confidence:.0%}){because}."


def _rivals(case: Case, hypotheses: Sequence[Hypothesis]) -> Iterator[str]:
    if len(hypotheses) < 2 or hypotheses[1].confidence < _CLOSE * hypotheses[0].confidence:
        return
    first, second = hypotheses[0].service, hypotheses[1].service
    for caller, callee in ((first, second), (second, first)):
        if any(edge.callee == callee for edge in case.topology.callees(caller)):
            yield (
                f"{caller} calls {callee}: compare what {caller} waits for {callee} with what {callee} takes itself,"
                " which tells whose delay it is."
            )
            return
    yield f"{first} and {second} are nearly as likely as each other: see which of them changed first."


def _soon(case: Case) -> Iterator[str]:
    slots = int((case.features.times > case.onset).sum())
    past = len(case.features.times) - slots
    if slots < _FEW_SLOTS:
        yield f"Only {slots} slots were seen since the onset: look again in a moment."
    if past < _SHORT_PAST:
        yield f"Only {past} slots are known from before the onset: what is normal is hardly known."


def _unmeasured(case: Case, hypotheses: Sequence[Hypothesis], suspected: frozenset[str]) -> Iterator[str]:
    telling = {key.service for key in case.features.keys if key.metric.startswith("akeso.red")}
    if dark := sorted(suspected - telling):
        yield f"No spans are seen of {', '.join(dark[:3])}."
    signals = zip(case.features.keys, case.features.signals.tolist(), strict=True)
    used = {key.service for key, signal in signals if signal in _RESOURCES}
    if bare := [h.service for h in hypotheses[:2] if h.service not in used]:
        yield f"Neither processor nor memory is measured of {' and '.join(bare)}: look at both."


def _unheard(case: Case, hypotheses: Sequence[Hypothesis], suspected: frozenset[str]) -> Iterator[str]:
    if not case.logs:
        yield "No log lines were received."
        return
    logging = {pattern.service for pattern in case.logs}
    first = [h.service for h in hypotheses[:2]] or sorted(suspected)[:2]
    if silent := [service for service in first if service not in logging]:
        yield f"No log lines came from {' and '.join(silent)}: read them where they are."


def _unknown_surroundings(case: Case) -> Iterator[str]:
    if not case.topology.edges:
        yield "No calls between services are known."
    if not case.changes:
        yield "No change was reported; look for one that was not."
