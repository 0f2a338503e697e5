"""`report.json`: normal life, every case, and the summary. Pure functions of what was seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from akeso.lab.scoring.akeso_client import Incident
from akeso.lab.street.scoring.baseline import Firing
from akeso.lab.street.scoring.case import Case


@dataclass(frozen=True, slots=True)
class Life:
    """Normal life, with the nightly job and a deploy: every incident in it is false, and so is every alert, unless the
    machine itself had no time. pain_s: seconds in which visitors were hurt all the same."""

    seconds: float
    pain_s: float
    incidents: tuple[Incident, ...]
    alerts: tuple[Firing, ...]

    def as_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        return {
            "seconds": round(self.seconds, 1),
            "pain_s": round(self.pain_s, 1),
            "false_incidents": [f"{each.service}: {each.title} ({each.status})" for each in self.incidents],
            "proposed": [f"{a.action} {a.target}: {a.status}" for each in self.incidents for a in each.proposed],
            "effects": [f"{a.action} {a.target}" for each in self.incidents for a in each.actions],
            "alerts": [asdict(each) for each in self.alerts],
        }


def summarise(life: Life | None, cases: Sequence[Case]) -> dict[str, Any]:
    """Counts over the faults that hurt visitors, over what is benign, and over normal life; None without any."""
    hurting = [case for case in cases if not case.fault.benign and case.seen.error is None]
    benign = [case for case in cases if case.fault.benign and case.seen.error is None]
    delays = [case.first.detected_at - case.seen.injected_at for case in hurting if case.noticed and case.first]
    return {
        "faults": len(hurting),
        "noticed": sum(case.noticed for case in hurting),
        "median_delay_s": round(median(delays), 1) if delays else None,
        "cause_first": sum(case.cause_first for case in hurting),
        "cause_named_by_any": sum(case.named_at_all for case in hurting),
        "kind_right": sum(case.kind_right for case in hurting),
        "right_proposal": sum(any(map(case.accepts, case.proposed)) for case in hurting),
        "right_effect": sum(any(map(case.accepts, case.applied)) for case in hurting),
        "well_before_undone": sum(case.seen.well_at is not None for case in hurting),
        "faults_with_unneeded_effects": sum(bool(case.unneeded) for case in hurting),
        "incidents_per_fault": round(sum(len(c.incidents) for c in hurting) / len(hurting), 2) if hurting else None,
        "all_ended": sum(case.ended for case in hurting),
        "benign": len(benign),
        "benign_with_incidents": sum(bool(case.incidents) for case in benign),
        "benign_with_effects": sum(bool(case.applied) for case in benign),
        "life_false_incidents": len(life.incidents) if life else None,
        "life_pain_s": round(life.pain_s, 1) if life else None,
        "life_effects": sum(len(each.actions) for each in life.incidents) if life else None,
        "baseline": _baseline(life, hurting),
        "not_counted": [f"{case.fault.name}: {case.seen.error}" for case in cases if case.seen.error is not None],
    }


def _baseline(life: Life | None, hurting: Sequence[Case]) -> dict[str, Any]:
    """The first alert that fires, and whom it names."""
    delays = [case.alerts[0].seen_at - case.seen.injected_at for case in hurting if case.alerts]
    return {
        "noticed": len(delays),
        "median_delay_s": round(median(delays), 1) if delays else None,
        "cause_first": sum(case.baseline_right for case in hurting),
        "life_false_alerts": len(life.alerts) if life else None,
    }


def document(life: Life | None, cases: Sequence[Case], about: dict[str, Any]) -> dict[str, Any]:
    """The whole report."""
    return {
        "life": life.as_json() if life else None,
        "cases": [case.as_json() for case in cases],
        "summary": summarise(life, cases),
        "about": about,
    }
