"""A person's no to a remedy: for how long, and for what, it holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident
from akeso.domain.incident.plan import Step
from akeso.domain.telemetry.batches import Change
from akeso.stages.healing.own_changes import BY


@dataclass(frozen=True, slots=True)
class RejectionOptions:
    """How long a rejection holds when nothing changes.

    same_cause: for the cause for which it was given.
    other_cause: for any other cause; what one fault is called often changes from look to look.
    """

    same_cause: timedelta = timedelta(days=7)
    other_cause: timedelta = timedelta(days=1)

    @property
    def longest(self) -> timedelta:
        """How far back rejections count."""
        return max(self.same_cause, self.other_cause)


@dataclass(frozen=True, slots=True)
class Rejection:
    """service, fault_class: the cause as it was diagnosed when a person said no to `action` on `target`."""

    tenant: str
    incident: str
    step: str
    action: str
    target: str
    service: str
    fault_class: str
    by: str
    at: datetime
    reason: str = ""

    @property
    def said(self) -> str:
        """In words."""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.by} rejected {self.action} of {self.target} at {self.at:%Y-%m-%d %H:%M} UTC{reason}"


def rejections_of(incident: Incident) -> tuple[Rejection, ...]:
    """Those of one incident that nobody took back."""
    return tuple(r for record in incident.actions.values() if (r := _rejection(incident, record)) is not None)


def _rejection(incident: Incident, record: ActionRecord) -> Rejection | None:
    if record.status is not ActionStatus.REJECTED or record.lifted_by or record.rejected_at is None:
        return None
    service, fault_class = record.cause
    step = record.step
    return Rejection(
        incident.tenant, incident.id, step.id, step.action, step.target, service, fault_class,
        record.rejected_by, record.rejected_at, record.rejected_for,
    )  # fmt: skip


def standing(
    rejections: Iterable[Rejection], changes: Sequence[Change], now: datetime, options: RejectionOptions
) -> tuple[Rejection, ...]:
    """Those that may hold still: not too old, and nothing about the service or the target was changed since, but by
    Akeso itself."""
    return tuple(r for r in rejections if now - r.at < options.longest and not _changed(r, changes))


def holds(
    step: Step, cause: tuple[str, str], rejections: Iterable[Rejection], now: datetime, options: RejectionOptions
) -> Rejection | None:
    """The newest standing rejection of this remedy for this cause (service, class of fault); None without one."""
    found = [
        r
        for r in rejections
        if (r.action, r.target) == (step.action, step.target)
        and now - r.at < (options.same_cause if (r.service, r.fault_class) == cause else options.other_cause)
    ]
    return max(found, key=lambda r: r.at, default=None)


def _changed(rejection: Rejection, changes: Sequence[Change]) -> bool:
    concerned = {rejection.service, rejection.target}
    return any(c.service in concerned and c.at > rejection.at and c.by != BY for c in changes)
