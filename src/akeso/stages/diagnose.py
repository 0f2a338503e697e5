"""From findings to ranked root causes with a probability, or to an honest “unknown”."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp

from akeso.domain.case import Case
from akeso.domain.diagnosis import UNKNOWN, Diagnosis, Evidence, Hypothesis
from akeso.ports.evidence import EvidenceProvider


@dataclass(frozen=True, slots=True)
class DiagnoseOptions:
    """temperature: divides the summed log-odds (findings are not independent, so sums are too sure of themselves);
    unknown_bias: log-odds of “something else”; minimum_confidence: below it the diagnosis is not known;
    minimum_class: log-odds below which a fault class is not named; reach: hops from an anomaly or alert within which
    a service is a candidate."""

    temperature: float = 1.2
    unknown_bias: float = 1.2
    minimum_confidence: float = 0.45
    minimum_class: float = 0.8
    suspected: float = 0.3
    at_most: int = 6
    reach: int = 4


@dataclass(frozen=True, slots=True)
class _Gathered:
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]


def diagnose(case: Case, providers: Sequence[EvidenceProvider], options: DiagnoseOptions | None = None) -> Diagnosis:
    """Sum the log-odds of all findings a service, weigh the services and “unknown” against each other (softmax).

    A provider that raises is named in the explanation and otherwise left out.
    """
    options = options or DiagnoseOptions()
    gathered = _gather(case, providers)
    candidates = _candidates(case, gathered.evidence, options)
    hypotheses = _rank(case, gathered.evidence, candidates, options)[: options.at_most]
    best = hypotheses[0] if hypotheses else None
    known = best is not None and best.confidence >= options.minimum_confidence
    return Diagnosis(hypotheses, known, _explain(case, hypotheses, known, gathered.missing))


def _gather(case: Case, providers: Sequence[EvidenceProvider]) -> _Gathered:
    evidence: list[Evidence] = []
    missing: list[str] = []
    for provider in providers:
        try:
            evidence.extend(provider.gather(case))
        # The boundary of a plugin: a diagnosis with one view less is better than none.
        except Exception as exc:  # noqa: BLE001
            missing.append(f"{provider.name} could not look ({type(exc).__name__}: {exc})")
    return _Gathered(tuple(evidence), tuple(missing))


def _candidates(case: Case, evidence: Iterable[Evidence], options: DiagnoseOptions) -> frozenset[str]:
    spoken_of = {e.service for e in evidence if e.service}
    seeds = _suspected(case)
    if not seeds:
        return frozenset(spoken_of)
    near = {
        s
        for s in spoken_of
        if s in seeds or any(case.topology.distance(s, seed, options.reach) is not None for seed in seeds)
    }
    return frozenset(near or spoken_of)


def _suspected(case: Case) -> frozenset[str]:
    peers = {value for a in case.anomalies for name, value in a.key.attributes if name == "peer"}
    reported = {case.report.service} if case.report else set()
    return frozenset({a.service for a in case.anomalies} | {a.service for a in case.alerts} | peers | reported)


def _rank(
    case: Case, evidence: Sequence[Evidence], candidates: frozenset[str], options: DiagnoseOptions
) -> tuple[Hypothesis, ...]:
    found = {s: tuple(e for e in evidence if e.service == s) for s in sorted(candidates)}
    suspected = _suspected(case)
    scores = {
        s: (sum(e.weight for e in own) + (options.suspected if s in suspected else 0.0)) / options.temperature
        for s, own in found.items()
    }
    shares = _softmax([*scores.values(), options.unknown_bias / options.temperature])
    hypotheses = [
        Hypothesis(service, _fault_class(found[service], options), share, _weightiest(found[service]))
        for service, share in zip(scores, shares, strict=False)
    ]
    return tuple(sorted(hypotheses, key=lambda h: -h.confidence))


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    odds = [exp(score - top) for score in scores]
    return [o / sum(odds) for o in odds]


def _fault_class(evidence: Sequence[Evidence], options: DiagnoseOptions) -> str:
    totals: dict[str, float] = {}
    for finding in evidence:
        for kind, odds in finding.classes.items():
            totals[kind] = totals.get(kind, 0.0) + odds
    best = max(totals, key=lambda kind: totals[kind], default=UNKNOWN)
    return best if totals.get(best, 0.0) >= options.minimum_class else UNKNOWN


def _weightiest(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(evidence, key=lambda e: -(abs(e.weight) + 0.5 * max(e.classes.values(), default=0.0))))


def _explain(case: Case, hypotheses: tuple[Hypothesis, ...], known: bool, missing: tuple[str, ...]) -> str:
    parts = [_verdict(hypotheses, known)]
    if not known:
        parts.extend(_look_next(case, hypotheses))
    parts.extend(f"Missing evidence: {m}." for m in missing)
    return " ".join(parts)


def _verdict(hypotheses: tuple[Hypothesis, ...], known: bool) -> str:
    if not hypotheses:
        return "The root cause is unknown: nothing was found that points anywhere."
    best = hypotheses[0]
    named = f"{best.fault_class} of {best.service}" if best.fault_class != UNKNOWN else f"a fault of {best.service}"
    if not known:
        return f"The root cause is unknown; the best guess, {named}, has a probability of only {best.confidence:.0%}."
    reasons = "; ".join(e.statement for e in best.evidence[:3] if e.weight > 0 or e.classes)
    return f"{named} is the root cause with a probability of {best.confidence:.0%}: {reasons}."


def _look_next(case: Case, hypotheses: tuple[Hypothesis, ...]) -> list[str]:
    advice = [f"Look next at {h.service} ({h.confidence:.0%})." for h in hypotheses[:2] if h.confidence >= 0.1]
    measured = {key.service for key in case.features.keys if key.metric.startswith("akeso.red")}
    if dark := sorted(_suspected(case) - measured):
        advice.append(f"No spans are seen of {', '.join(dark[:3])}.")
    if not case.topology.edges:
        advice.append("No calls between services are known.")
    if not case.changes:
        advice.append("No change was reported; look for one that was not.")
    if not case.logs:
        advice.append("No log lines were received.")
    return advice
