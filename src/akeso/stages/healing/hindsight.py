"""What is known afterwards of a diagnosis: was its first answer right? From people's words, else from what healed."""

from collections.abc import Sequence

from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.events import ActionIntended, DiagnosisMade, Entry, FeedbackGiven
from akeso.domain.incident.evolution import fold
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident
from akeso.domain.incident.outcome import Recovery
from akeso.stages.diagnosis.calibrate import Judged
from akeso.stages.healing.learn import tried

BY_PEOPLE, BY_OUTCOME = "people", "outcomes"


def hindsight(entries: Sequence[Entry]) -> Judged | None:
    """The judged diagnosis of one incident's journal; None when nobody can tell whether it was right.

    The diagnosis that counts is the last before anything was done. A person's word decides, the last one first. Else:
    right when acting on the named service brought recovery; wrong when acting on it did not, and acting on another
    service that was suspected then did. An action that did not help says nothing by itself: it may be the wrong one.
    """
    incident, diagnosis = fold(entries), _acted_upon(entries)
    if incident is None or diagnosis is None or diagnosis.best is None or not diagnosis.grounds:
        return None
    best = diagnosis.best
    right, told_by = _by_people(entries, best.service), BY_PEOPLE
    if right is None:
        right, told_by = _by_outcome(incident, diagnosis), BY_OUTCOME
    if right is None:
        return None
    return Judged(diagnosis.grounds, right, f"{best.service}/{best.fault_class}", told_by, incident.id)


def _acted_upon(entries: Sequence[Entry]) -> Diagnosis | None:
    found: Diagnosis | None = None
    for entry in entries:
        match entry.event:
            case DiagnosisMade(diagnosis):
                found = diagnosis
            case ActionIntended() if found is not None:
                return found
    return found


def _by_people(entries: Sequence[Entry], named: str) -> bool | None:
    words = [entry.event for entry in entries if isinstance(entry.event, FeedbackGiven)]
    if not words:
        return None
    last = words[-1]
    return last.service == named if last.service else last.helpful


def _by_outcome(incident: Incident, diagnosis: Diagnosis) -> bool | None:
    done = tried(incident)
    if not done or incident.verification is None or incident.verification.recovery is not Recovery.RECOVERED:
        return None
    named, healed = diagnosis.hypotheses[0].service, _target(done[-1])
    if healed == named:
        return True
    others = {h.service for h in diagnosis.hypotheses[1:]}
    in_vain = any(_target(r) == named and r.status is not ActionStatus.UNKNOWN for r in done[:-1])
    return False if in_vain and healed in others else None


def _target(record: ActionRecord) -> str:
    return record.step.target
