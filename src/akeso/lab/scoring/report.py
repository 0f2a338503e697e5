"""`report.json`: what every case came to, and the summary. Pure functions of what was seen."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from akeso.lab.faults.fault import Fault, Injection
from akeso.lab.scoring.akeso_client import Incident


@dataclass(frozen=True, slots=True)
class Calm:
    """The calm time with its benign happenings: nothing may be done in it."""

    seconds: float
    false_incidents: int
    unneeded_actions: int
    incidents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the visitors and the probes told of one case; times are seconds since the epoch."""

    injected_at: float
    hurt_at: float | None
    healed_at: float | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One injection, judged."""

    fault: Fault
    injection: Injection
    repeat: int
    seen: Seen
    incidents: tuple[Incident, ...]
    restored: tuple[str, ...] = field(default=())

    @property
    def first(self) -> Incident | None:
        """The incident that counts: the first after the injection."""
        return self.incidents[0] if self.incidents else None

    @property
    def expected(self) -> str:
        """The root-cause service."""
        return self.fault.truth(self.injection.target)

    @property
    def ranked(self) -> tuple[str, ...]:
        """Services by hypothesis, likeliest first, each once."""
        hypotheses = self.first.hypotheses if self.first else ()
        return tuple(dict.fromkeys(h.service for h in hypotheses))

    @property
    def applied(self) -> tuple[tuple[str, str], ...]:
        """Every effect of the case as (action, target)."""
        return tuple((a.action, a.target) for incident in self.incidents for a in incident.actions)

    @property
    def unneeded(self) -> tuple[tuple[str, str], ...]:
        """The effects that were not acceptable, or on the wrong service."""
        return tuple(each for each in self.applied if not self._acceptable(*each))

    @property
    def acted_acceptably(self) -> bool:
        """Whether an acceptable action was carried out."""
        return any(self._acceptable(*each) for each in self.applied)

    @property
    def healed(self) -> bool:
        """By the visitors alone."""
        return self.seen.healed_at is not None

    def _acceptable(self, action: str, target: str) -> bool:
        service = re.split("[/:]", target, maxsplit=1)[0]
        return self.fault.accepts(action, service, self.injection.target)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        first, seen = self.first, self.seen
        best = first.hypotheses[0] if first and first.hypotheses else None
        return {
            "fault": self.fault.name,
            "target": self.injection.target,
            "parameters": dict(self.injection.parameters),
            "repeat": self.repeat,
            "injected_at": round(seen.injected_at, 3),
            "incident": first.id if first else None,
            "detected": first is not None,
            "delay_s": _since(seen.injected_at, first.detected_at if first else None),
            "incidents_opened": len(self.incidents),
            "root_cause": {"expected": self.expected, "ranked": list(self.ranked)},
            "fault_class": {"expected": self.fault.fault_class, "got": best.fault_class if best else None},
            "actions": {
                "acceptable": list(self.fault.remedies),
                "applied": [{"action": action, "target": target} for action, target in self.applied],
            },
            "verdict": first.outcome if first else None,
            "status": first.status if first else None,
            "hurt_after_s": _since(seen.injected_at, seen.hurt_at),
            "healed": self.healed,
            "time_to_heal_s": _since(seen.injected_at, seen.healed_at),
            "confidence": best.confidence if best else None,
            "unneeded_actions": len(self.unneeded),
            "restored": list(self.restored),
            "error": seen.error,
        }


def summarise(calm: Calm | None, cases: Sequence[Case]) -> dict[str, Any]:
    """Shares over all cases; medians over the cases that have the value; None without cases."""
    total = len(cases)
    delays = [c.first.detected_at - c.seen.injected_at for c in cases if c.first]
    heals = [c.seen.healed_at - c.seen.injected_at for c in cases if c.seen.healed_at is not None]
    return {
        "cases": total,
        "detected": _share([c.first is not None for c in cases]),
        "root_cause_first": _share([c.ranked[:1] == (c.expected,) for c in cases]),
        "fault_class": _share([_class_named(c) for c in cases]),
        "acceptable_action": _share([c.acted_acceptably for c in cases]),
        "healed": _share([c.healed for c in cases]),
        "median_delay_s": round(median(delays), 2) if delays else None,
        "median_time_to_heal_s": round(median(heals), 2) if heals else None,
        "incidents_per_case": round(sum(len(c.incidents) for c in cases) / total, 2) if total else None,
        "cases_with_unneeded_actions": _share([bool(c.unneeded) for c in cases]),
        "unneeded_actions": sum(len(c.unneeded) for c in cases) + (calm.unneeded_actions if calm else 0),
        "false_incidents": calm.false_incidents if calm else None,
    }


def document(calm: Calm | None, cases: Sequence[Case], about: dict[str, Any]) -> dict[str, Any]:
    """The whole report."""
    return {
        "calm": asdict(calm) if calm else None,
        "cases": [case.as_json() for case in cases],
        "summary": summarise(calm, cases),
        "about": about,
    }


def _class_named(case: Case) -> bool:
    first = case.first
    return bool(first and first.hypotheses and first.hypotheses[0].fault_class == case.fault.fault_class)


def _share(values: Sequence[bool]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else round(end - start, 2)
