"""Whether a person may decide on a step now."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from akeso.domain.errors import AkesoError, Conflict, Forbidden
from akeso.domain.estate.access import Role
from akeso.domain.incident.incident import ActionStatus, Incident


@dataclass(frozen=True, slots=True)
class Refused:
    """The caller may not decide on this step."""

    error: AkesoError


@dataclass(frozen=True, slots=True)
class Expired:
    """It is too late, and nobody has written that down yet."""

    error: Conflict


Ruling: TypeAlias = Refused | Expired | None

_WAITING = (ActionStatus.ASKED, ActionStatus.PREVIEWED)


def ruling(incident: Incident, step: str, role: Role, now: datetime) -> Ruling:
    """None when a person of this role may say yes or no to the step now."""
    record = incident.actions[step]
    if not _may(role, record.approvers):
        asked = " or ".join(record.approvers) or "approver"
        return Refused(Forbidden(f"{role.name.lower()} may not decide on {step}; it takes {asked}"))
    if incident.status.over:
        return Refused(Conflict(f"the incident is {incident.status} already"))
    if record.status not in _WAITING or not current(incident, step):
        return Refused(Conflict(f"{step} is {record.status} and waits for nobody"))
    if record.expires_at is not None and record.expires_at <= now:
        return Expired(Conflict(f"the approval of {step} expired at {record.expires_at:%Y-%m-%dT%H:%M:%SZ}"))
    return None


def current(incident: Incident, step: str) -> bool:
    """Whether the step belongs to the way of healing that is being tried."""
    option = incident.current_option
    return option is not None and any(s.id == step for s in option.steps)


def _may(role: Role, approvers: tuple[str, ...]) -> bool:
    if role < Role.APPROVER:
        return False
    return role is Role.ADMIN or not approvers or role.name.lower() in approvers
