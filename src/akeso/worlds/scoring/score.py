"""What a run is scored by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class FaultScore:
    """One fault. hurt_s: for how long users were worse off than promised; noticed: an incident is about it; delay_s:
    from the first hurt to that incident (from the fault where nobody was hurt); first, among_three: the cause stands
    first, or among the first three, in its last diagnosis; kind_right: the class of the first hypothesis; confidence:
    of it; incidents: how many were opened about it."""

    id: str
    kind: str
    fault_class: str
    entity: str
    hurt_s: float
    noticed: bool = False
    delay_s: float | None = None
    first: bool = False
    among_three: bool = False
    kind_right: bool = False
    confidence: float | None = None
    incidents: int = 0
    ended: str = ""


@dataclass(frozen=True, slots=True)
class EffectScore:
    """One effect. word: helps, harms, useless (neither, in a fault), or groundless (there was no fault)."""

    at_s: float
    action: str
    target: str
    word: str


@dataclass(frozen=True, slots=True)
class RunScore:
    """faults: in order of beginning, those that hurt nobody left out; false: incidents about nothing, in words;
    hours: how long was lived; ordinary: events of ordinary life."""

    hours: float
    faults: tuple[FaultScore, ...]
    effects: tuple[EffectScore, ...]
    false: tuple[str, ...]
    ordinary: int = 0


def summary(scores: Iterable[RunScore]) -> dict[str, Any]:
    """Shares over all faults, and counts, of some runs."""
    runs = tuple(scores)
    faults = [fault for run in runs for fault in run.faults]
    words = [effect.word for run in runs for effect in run.effects]
    hours = sum(run.hours for run in runs)
    false = sum(len(run.false) for run in runs)
    delays = [fault.delay_s for fault in faults if fault.delay_s is not None]
    said = [fault for fault in faults if fault.confidence is not None]
    return {
        "runs": len(runs),
        "hours": round(hours, 2),
        "faults": len(faults),
        "noticed": _share([fault.noticed for fault in faults]),
        "delay_s_median": round(median(delays), 1) if delays else None,
        "cause_first": _share([fault.first for fault in faults]),
        "cause_among_three": _share([fault.among_three for fault in faults]),
        "kind_right": _share([fault.kind_right for fault in faults]),
        "incidents_per_fault": round(sum(f.incidents for f in faults) / len(faults), 2) if faults else None,
        "effects": {word: words.count(word) for word in ("helps", "useless", "harms", "groundless")},
        "false_incidents": false,
        "false_incidents_a_day": round(24 * false / hours, 1) if hours else None,
        "confidence_mean": round(sum(f.confidence or 0.0 for f in said) / len(said), 2) if said else None,
        "confident_and_wrong": sum((f.confidence or 0.0) >= 0.9 and not f.first for f in said),
        "ordinary_events": sum(run.ordinary for run in runs),
    }


def _share(held: Sequence[bool]) -> float | None:
    return round(sum(held) / len(held), 3) if held else None
