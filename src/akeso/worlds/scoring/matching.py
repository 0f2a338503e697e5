"""Which incident is about which fault, and what the effects were worth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from akeso.domain.estate.senders import TELEMETRY_GAP
from akeso.domain.incident.incident import Incident
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.scenarios.scripted import Effect
from akeso.worlds.scoring.score import EffectScore, FaultScore, RunScore
from akeso.worlds.scoring.watched import Watched
from akeso.worlds.truth import Remedy, Truth

# What a fault leaves behind is still about it for so long.
_AFTERWARDS = 300 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Lived:
    """A run to be scored. since, until: ns; what began before `since` only warmed up."""

    watched: Watched
    incidents: Sequence[Incident]
    since: int
    until: int


def scored(lived: Lived) -> RunScore:
    """Faults that hurt nobody are left out; incidents about them are not held against Akeso."""
    truth = [each for each in lived.watched.world.truth if each.began < lived.until]
    faults = [each for each in truth if not each.ordinary]
    owner = {incident.id: _about(incident, faults, lived) for incident in lived.incidents}
    own = {fault.id: [i for i in lived.incidents if owner[i.id] is fault] for fault in faults}
    found = [_fault(fault, own[fault.id], lived) for fault in faults if fault.began >= lived.since]
    gaps = [each for each in truth if each.gap]
    false = [
        i for i in lived.incidents if owner[i.id] is None and _ns(i) >= lived.since and not _tells_gap(i, gaps, lived)
    ]
    return RunScore(
        hours=(lived.until - lived.since) / NANOSECONDS / 3600,
        faults=tuple(fault for fault in found if fault.hurt_s > 0 or fault.incidents),
        effects=tuple(_effects(lived.watched.done, faults, lived)),
        false=tuple(f"{incident.service}: {incident.title}" for incident in false),
        ordinary=sum(each.ordinary for each in truth),
    )


def _about(incident: Incident, faults: Sequence[Truth], lived: Lived) -> Truth | None:
    """The fault that an incident is about: one that was there, whose services it names; the newest of several."""
    detected = _ns(incident)
    there = [fault for fault in faults if fault.began <= detected <= _over(fault, lived)]
    hypotheses = incident.diagnosis.hypotheses if incident.diagnosis else ()
    named = incident.services | {each.service for each in hypotheses[:1]}
    concerned = [fault for fault in there if named & _concerned(fault, lived)]
    return max(concerned, key=lambda fault: fault.began, default=None)


def _tells_gap(incident: Incident, gaps: Sequence[Truth], lived: Lived) -> bool:
    """Whether it says that telemetry is missing while it is: no false incident then."""
    best = incident.diagnosis.best if incident.diagnosis else None
    said = best.fault_class if best else next((alert.fault_class for alert in incident.alerts), "")
    return said == TELEMETRY_GAP and any(gap.began <= _ns(incident) <= _over(gap, lived) for gap in gaps)


def _concerned(fault: Truth, lived: Lived) -> frozenset[str]:
    over = _over(fault, lived)
    felt = [services for at, services in lived.watched.hurt if fault.began <= at <= over]
    return fault.hurts.union({fault.entity, fault.service}, *felt)


def _fault(fault: Truth, incidents: Sequence[Incident], lived: Lived) -> FaultScore:
    hurt = _hurt(fault, lived)
    lasted = len(hurt) * lived.watched.step_s
    score = FaultScore(fault.id, fault.kind, fault.fault_class, fault.entity, lasted, incidents=len(incidents))
    if not incidents:
        return score
    first = min(incidents, key=_ns)
    found = list(first.diagnosis.hypotheses) if first.diagnosis else []
    right: Callable[[str], bool] = {fault.entity, fault.service}.__contains__
    return replace(
        score,
        noticed=True,
        delay_s=max(0.0, (_ns(first) - (hurt[0] if hurt else fault.began)) / NANOSECONDS),
        first=bool(found) and right(found[0].service),
        among_three=any(right(each.service) for each in found[:3]),
        kind_right=bool(found) and found[0].fault_class == fault.fault_class,
        confidence=found[0].confidence if found else None,
        ended=first.status.value,
    )


def _hurt(fault: Truth, lived: Lived) -> list[int]:
    """When users of services that it is meant to hurt were worse off than promised."""
    over = _over(fault, lived)
    concerned = fault.hurts | {fault.entity, fault.service}
    return [at for at, services in lived.watched.hurt if fault.began <= at <= over and services & concerned]


def _effects(done: Sequence[Effect], faults: Sequence[Truth], lived: Lived) -> Iterator[EffectScore]:
    for effect in done:
        if effect.taken_back or effect.at < lived.since:
            continue
        there = [fault for fault in faults if fault.began <= effect.at <= _over(fault, lived)]
        at_s = (effect.at - lived.since) / NANOSECONDS
        yield EffectScore(at_s, effect.action, effect.target, _word(Remedy(effect.action, effect.target), there))


def _word(remedy: Remedy, there: Sequence[Truth]) -> str:
    if any(remedy in fault.helps for fault in there):
        return "helps"
    if any(remedy in fault.harms for fault in there):
        return "harms"
    return "useless" if there else "groundless"


def _over(fault: Truth, lived: Lived) -> int:
    return (lived.until if fault.ended is None else fault.ended) + _AFTERWARDS


def _ns(incident: Incident) -> int:
    return round(incident.detected_at.timestamp() * 1e6) * 1_000
