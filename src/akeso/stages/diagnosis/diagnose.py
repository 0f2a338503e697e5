"""From findings to ranked root causes with a probability, or to an honest “unknown”."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis, Evidence, Hypothesis, InnerCause
from akeso.ports.evidence import EvidenceProvider
from akeso.stages.diagnosis.calibration_file import shipped
from akeso.stages.diagnosis.confidence import Calibration, Standing, grounds_of, rescaled
from akeso.stages.diagnosis.queues import destinations
from akeso.stages.diagnosis.suggested_checks import Doubts, suggested_checks


@dataclass(frozen=True, slots=True)
class DiagnoseOptions:
    """How evidence becomes probabilities.

    temperature: divides the summed log-odds: findings are not independent, so plain sums are too sure.
    unknown_bias: log-odds of "something else".
    minimum_confidence: below this probability the cause counts as not known.
    minimum_class: below these log-odds no class of fault is named.
    suspected: log-odds that a service which an anomaly or alert names has more than others.
    at_most: hypotheses that are kept.
    reach: hops in the call graph from an anomaly or alert within which a service may be the cause.
    """

    temperature: float = 1.2
    unknown_bias: float = 1.2
    minimum_confidence: float = 0.5
    minimum_class: float = 0.8
    suspected: float = 0.3
    at_most: int = 6
    reach: int = 4


@dataclass(frozen=True, slots=True)
class _Gathered:
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Services by their log-odds, best first, with their share of the softmax; other: log-odds of anything else."""

    hypotheses: tuple[Hypothesis, ...]
    scores: tuple[float, ...]
    other: float


def diagnose(
    case: Case,
    providers: Sequence[EvidenceProvider],
    options: DiagnoseOptions | None = None,
    calibration: Calibration | None = None,
) -> Diagnosis:
    """Sum the log-odds of all findings a service, rank the services and “unknown” against each other (softmax), and say
    how sure that is on a scale that was fitted to cases whose truth is known (the shipped one by default).

    A provider that raises is named in the explanation and otherwise left out.
    """
    options = options or DiagnoseOptions()
    gathered = _gather(case, providers)
    candidates = _candidates(case, gathered.evidence, options)
    ranking = _rank(case, gathered.evidence, candidates, options)
    if not ranking.hypotheses:
        return _concluded(case, (), {}, gathered, options)
    standing = Standing(
        scores=ranking.scores,
        other=ranking.other,
        evidence=ranking.hypotheses[0].evidence,
        suspected=_suspected(case),
    )
    grounds = grounds_of(case, standing)
    sure = (calibration or shipped()).probability(grounds)
    shares = rescaled([h.confidence for h in ranking.hypotheses], sure)
    hypotheses = [replace(h, confidence=p) for h, p in zip(ranking.hypotheses, shares, strict=True)]
    return _concluded(case, tuple(hypotheses[: options.at_most]), grounds, gathered, options)


def _concluded(
    case: Case,
    hypotheses: tuple[Hypothesis, ...],
    grounds: Mapping[str, float],
    gathered: _Gathered,
    options: DiagnoseOptions,
) -> Diagnosis:
    known = bool(hypotheses) and hypotheses[0].confidence >= options.minimum_confidence
    looks = () if known else suggested_checks(case, hypotheses, Doubts(_suspected(case), gathered.evidence))
    explanation = _explain(hypotheses, known, looks, gathered.missing)
    return Diagnosis(hypotheses, known, explanation, looks, grounds)


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
    # Who fills and who empties a queue is near to it by the queue's name, not by that of its broker.
    starts = seeds.union(*(destinations(a.key) for a in case.anomalies))
    near = {
        s
        for s in spoken_of
        if s in seeds or any(case.topology.distance(s, start, options.reach) is not None for start in starts)
    }
    return frozenset(near or spoken_of)


def _suspected(case: Case) -> frozenset[str]:
    peers = {value for a in case.anomalies for name, value in a.key.attributes if name == "peer"}
    reported = {case.report.service} if case.report else set()
    return frozenset({a.service for a in case.anomalies} | {a.service for a in case.alerts} | peers | reported)


def _rank(case: Case, evidence: Sequence[Evidence], candidates: frozenset[str], options: DiagnoseOptions) -> _Ranking:
    found = {s: tuple(e for e in evidence if e.service == s) for s in sorted(candidates)}
    suspected = _suspected(case)
    scores = {
        s: (sum(e.weight for e in own) + (options.suspected if s in suspected else 0.0)) / options.temperature
        for s, own in found.items()
    }
    other = options.unknown_bias / options.temperature
    ranked = sorted(scores, key=lambda service: -scores[service])
    ordered = tuple(scores[service] for service in ranked)
    shares = _softmax([*ordered, other])
    hypotheses = tuple(
        _hypothesis(service, share, found[service], options) for service, share in zip(ranked, shares, strict=False)
    )
    return _Ranking(hypotheses, ordered, other)


def _hypothesis(service: str, share: float, found: Sequence[Evidence], options: DiagnoseOptions) -> Hypothesis:
    kind = _fault_class(found, options)
    return Hypothesis(service, kind, share, _weightiest(found), _cause(found, kind))


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


def _cause(evidence: Sequence[Evidence], fault_class: str) -> InnerCause | None:
    """What the evidence for the service, and above all that for its fault class, speaks of."""
    totals: dict[InnerCause, float] = {}
    for finding in evidence:
        if finding.cause is not None:
            said = finding.weight + finding.classes.get(fault_class, 0.0)
            totals[finding.cause] = totals.get(finding.cause, 0.0) + said
    return max(totals, key=lambda cause: totals[cause], default=None)


def _weightiest(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(evidence, key=lambda e: -(abs(e.weight) + 0.5 * max(e.classes.values(), default=0.0))))


def _explain(hypotheses: tuple[Hypothesis, ...], known: bool, looks: tuple[str, ...], missing: tuple[str, ...]) -> str:
    return " ".join([_verdict(hypotheses, known), *looks, *(f"Missing evidence: {m}." for m in missing)])


def _verdict(hypotheses: tuple[Hypothesis, ...], known: bool) -> str:
    if not hypotheses:
        return "The root cause is unknown: nothing was found that points anywhere."
    best = hypotheses[0]
    named = f"{best.fault_class} of {best.service}" if best.fault_class != UNKNOWN else f"a fault of {best.service}"
    if not known:
        return f"The root cause is unknown; the best guess, {named}, has a probability of only {best.confidence:.0%}."
    reasons = "; ".join(e.statement for e in best.evidence[:3] if e.weight > 0 or e.classes)
    return f"{named} is the root cause with a probability of {best.confidence:.0%}: {reasons}."
