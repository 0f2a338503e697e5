"""A case and how to tell whether a diagnosis of it is right."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.calibrate import Judged
from akeso.stages.diagnosis.diagnose import diagnose

RECORDED = 4.0  # what a recorded case counts in a fit against one that was made from it


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """set: where it comes from; group: what must stay together in a cross-validation; derived: made from something
    recorded (a fault added to calm data, telemetry taken away) and not itself recorded."""

    set: str
    name: str
    group: str
    case: Case
    right: Callable[[Diagnosis], bool]
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One case, diagnosed. said: the confidence as shipped; known: sure enough to act; judged: None when nothing was
    named, so that there is no confidence to be right or wrong."""

    known: Known
    judged: Judged | None
    said: float
    sure: bool


def answers(cases: Iterable[Known]) -> Iterator[Answer]:
    """The production diagnosis of every case, with its shipped defaults."""
    providers = tuple(build("evidence").values())
    for known in cases:
        diagnosis = diagnose(known.case, providers)
        if diagnosis.best is None:
            yield Answer(known, None, 0.0, sure=False)
            continue
        weight = 1.0 if known.derived else RECORDED
        judged = Judged(diagnosis.grounds, known.right(diagnosis), known.group, known.set, known.name, weight)
        yield Answer(known, judged, diagnosis.best.confidence, diagnosis.known)


def names(service: str) -> Callable[[Diagnosis], bool]:
    """Right when the first hypothesis names the service."""
    return lambda diagnosis: diagnosis.best is not None and diagnosis.best.service == service


def never(diagnosis: Diagnosis) -> bool:
    """Nothing was wrong: whoever is named is named for nothing."""
    del diagnosis
    return False
