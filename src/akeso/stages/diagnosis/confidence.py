"""How sure a diagnosis may be: what its first answer stands on, as numbers, and the probability that it is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log, sqrt
from types import MappingProxyType

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, finite

# What a probability is made of: (least, most); beyond these a ground says nothing more.
GROUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "odds": (-6.0, 8.0),  # log-odds of the first answer against all others and the unknown
        "margin": (-4.0, 8.0),  # log-odds of the first answer against the next, which may be the unknown
        "tie": (0.0, 1.0),  # exp(−margin): 1 where the next is as likely
        "support": (0.0, 3.5),  # square root of the log-odds of all that speaks for it: more of the same says less
        "against": (0.0, 6.0),  # log-odds of all that speaks against it
        "kinds": (0.0, 6.0),  # kinds of evidence that speak for it
        "named": (0.0, 4.0),  # log-odds of its class of fault
        "measured": (0.0, 1.0),  # share of the suspected services that tell of their own requests; 0 without any
        "word": (0.0, 1.0),  # 1 where nothing at all is measured: somebody is taken at their word
    }
)
FITTED = tuple(name for name in GROUNDS if name != "margin")  # the margin only bounds
_SPEAKS = 0.2  # less is no opinion
_LEAD = 2.0  # of factors 1, 2 and 3 the one with the least cross-validated loss


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ranking knows of a diagnosis. scores: log-odds by service, best first; other: that of anything else;
    evidence: on the first service; suspected: services with symptoms or alerts."""

    scores: tuple[float, ...]
    other: float
    evidence: tuple[Evidence, ...]
    suspected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic scale from grounds to a probability. floor, ceiling: no answer is surer than its cases allow.

    version: of the meaning of the grounds; source: the command that made it.
    """

    intercept: float
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    floor: float = 0.01
    ceiling: float = 0.99
    version: int = 1
    source: str = ""

    def probability(self, grounds: Mapping[str, float]) -> float:
        """That the first answer is right. A ground that is missing counts as 0.

        Two answers cannot both be right, and the unknown is one of them: whoever is first by nothing is right in less
        than half of the cases, however much speaks for both, so the margin (where it is told) bounds the probability.
        """
        odds = self.intercept + sum(w * grounds.get(name, 0.0) for name, w in self.weights.items())
        bound = (1.0 - self.floor) * sigmoid(_LEAD * grounds["margin"]) if "margin" in grounds else 1.0
        return max(self.floor, min(self.ceiling, bound, sigmoid(odds)))


def grounds_of(case: Case, standing: Standing) -> Mapping[str, float]:
    """The grounds of a diagnosis that has a first answer, each within its limits."""
    first = standing.scores[0]
    second = max((standing.other, *standing.scores[1:2]))
    weights = [e.weight for e in standing.evidence]
    raw = {
        "odds": first - _log_sum((*standing.scores[1:], standing.other)),
        "margin": first - second,
        "tie": exp(-max(0.0, first - second)),
        "support": sqrt(sum(w for w in weights if w > 0)),
        "against": -sum(w for w in weights if w < 0),
        "kinds": float(len({e.provider for e in standing.evidence if e.weight >= _SPEAKS})),
        "named": _named(standing.evidence),
        "measured": _measured(case, standing.suspected),
        "word": float(not case.features.keys and not case.logs),
    }
    return finite({name: max(low, min(high, raw[name])) for name, (low, high) in GROUNDS.items()})


def rescaled(shares: Sequence[float], sure: float) -> tuple[float, ...]:
    """Shares, best first, with `sure` for the first. The others keep their proportions of what is left, and none is
    likelier than the first; what then is left over is something else."""
    rest = 1.0 - shares[0]
    factor = (1.0 - sure) / rest if rest > 0 else 0.0
    return (sure, *(min(sure, share * factor) for share in shares[1:]))


def sigmoid(odds: float) -> float:
    """The probability of log-odds."""
    return 1.0 / (1.0 + exp(-odds)) if odds > -700 else 0.0


def logit(probability: float) -> float:
    """The log-odds of a probability that is neither 0 nor 1."""
    return log(probability / (1.0 - probability))


def _log_sum(scores: Sequence[float]) -> float:
    top = max(scores)
    return top + log(sum(exp(score - top) for score in scores))


def _named(evidence: Sequence[Evidence]) -> float:
    totals: dict[str, float] = {}
    for finding in evidence:
        for kind, odds in finding.classes.items():
            totals[kind] = totals.get(kind, 0.0) + odds
    return max(totals.values(), default=0.0)


def _measured(case: Case, suspected: frozenset[str]) -> float:
    telling = {key.service for key in case.features.keys if key.metric.startswith("akeso.red")}
    return len(suspected & telling) / len(suspected) if suspected else 0.0
