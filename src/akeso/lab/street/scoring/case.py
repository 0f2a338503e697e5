"""One case: what happened, what Akeso did, and how that is judged. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from akeso.lab.scoring.akeso_client import Action, Incident
from akeso.lab.street.faults.fault import Fault, right_name
from akeso.lab.street.scoring.baseline import Firing


@dataclass(frozen=True, slots=True)
class Seen:
    """Times in seconds since the epoch; None for what did not happen.

    well_at: when visitors were well before the undoing. error: why the fault could not be brought about or undone, or
    was not seen.
    """

    injected_at: float
    undone_at: float
    hurt_at: float | None = None
    well_at: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One injection. incidents: those detected from the injection until it was looked no longer. alerts: those that
    began to fire while the fault was there. restored: what had to be put right afterwards."""

    fault: Fault
    repeat: int
    seen: Seen
    incidents: tuple[Incident, ...]
    alerts: tuple[Firing, ...] = ()
    restored: tuple[str, ...] = ()

    @property
    def first(self) -> Incident | None:
        """The incident that counts: the first after the injection."""
        return self.incidents[0] if self.incidents else None

    @property
    def noticed(self) -> bool:
        """Whether an incident was opened while the fault was there."""
        return self.first is not None and self.first.detected_at < self.seen.undone_at

    @property
    def ranked(self) -> tuple[str, ...]:
        """Whom the first incident suspects, likeliest first, each once."""
        hypotheses = self.first.hypotheses if self.first else ()
        return tuple(dict.fromkeys(each.service for each in hypotheses))

    @property
    def cause_first(self) -> bool:
        """Whether its first suspect is the cause."""
        return bool(self.noticed and self.ranked and right_name(self.fault.truth.entities, self.ranked[0]))

    @property
    def named_at_all(self) -> bool:
        """Whether the first suspect of any incident is the cause."""
        firsts = [incident.hypotheses[0].service for incident in self.incidents if incident.hypotheses]
        return any(right_name(self.fault.truth.entities, name) for name in firsts)

    @property
    def kind(self) -> str | None:
        """The fault class that the first incident names."""
        return self.first.hypotheses[0].fault_class if self.first and self.first.hypotheses else None

    @property
    def kind_right(self) -> bool:
        """Whether it is one of the right ones, and of the right service."""
        return self.cause_first and self.kind in self.fault.truth.kinds

    @property
    def proposed(self) -> tuple[Action, ...]:
        """Every step of every plan."""
        return tuple(action for incident in self.incidents for action in incident.proposed)

    @property
    def applied(self) -> tuple[Action, ...]:
        """Every effect that was carried out."""
        return tuple(action for incident in self.incidents for action in incident.actions)

    @property
    def unneeded(self) -> tuple[Action, ...]:
        """The effects that were not acceptable, or on the wrong service."""
        return tuple(action for action in self.applied if not self.accepts(action))

    def accepts(self, action: Action) -> bool:
        """Whether a step is acceptable for this fault."""
        service = re.split("[/:]", action.target, maxsplit=1)[0]
        return (action.action, service) in self.fault.truth.remedies

    @property
    def ended(self) -> bool:
        """Whether everything it opened came to an end in the time that was looked."""
        return all(incident.terminal for incident in self.incidents)

    @property
    def baseline_right(self) -> bool:
        """Whether the first alert names the cause."""
        return bool(self.alerts and right_name(self.fault.truth.entities, self.alerts[0].entity))

    def as_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        seen = self.seen
        return {
            "fault": self.fault.name,
            "family": self.fault.family,
            "benign": self.fault.benign,
            "repeat": self.repeat,
            "injected_at": round(seen.injected_at, 3),
            "hurt_after_s": _since(seen.injected_at, seen.hurt_at),
            "undone_after_s": _since(seen.injected_at, seen.undone_at),
            "well_before_undone_s": _since(seen.injected_at, seen.well_at),
            **self._diagnosis(),
            **self._healing(),
            "incidents": [self._incident(each) for each in self.incidents],
            "ended": self.ended,
            "baseline": self._baseline(),
            "restored": self.restored,
            "error": seen.error,
        }

    def _diagnosis(self) -> dict[str, Any]:
        first, truth = self.first, self.fault.truth
        expected = truth.entities[0] if truth.entities else None
        named = {"expected": expected, "ranked": self.ranked, "first": self.cause_first, "any": self.named_at_all}
        return {
            "noticed": self.noticed,
            "delay_s": _since(self.seen.injected_at, first.detected_at if first else None),
            "cause": named,
            "confidence": first.hypotheses[0].confidence if first and first.hypotheses else None,
            "kind": {"expected": truth.kinds, "got": self.kind, "right": self.kind_right},
        }

    def _healing(self) -> dict[str, Any]:
        return {
            "proposal": {
                "acceptable": self.fault.truth.remedies,
                "all": [f"{each.action} {each.target}: {each.status}" for each in self.proposed],
                "right": any(self.accepts(each) for each in self.proposed),
            },
            "effects": {
                "applied": [f"{each.action} {each.target}" for each in self.applied],
                "right": any(self.accepts(each) for each in self.applied),
                "unneeded": len(self.unneeded),
            },
        }

    def _incident(self, incident: Incident) -> dict[str, Any]:
        return {
            "title": incident.title,
            "service": incident.service,
            "status": incident.status,
            "outcome": incident.outcome,
            "after_s": _since(self.seen.injected_at, incident.detected_at),
            "ended_after_undoing_s": _since(self.seen.undone_at, incident.ended_at),
        }

    def _baseline(self) -> dict[str, Any]:
        alert = self.alerts[0] if self.alerts else None
        return {
            "alert": alert.alert if alert else None,
            "entity": alert.entity if alert else None,
            "right": self.baseline_right,
            "delay_s": _since(self.seen.injected_at, alert.seen_at if alert else None),
        }


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else round(end - start, 2)
