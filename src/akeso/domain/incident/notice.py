"""What people are told of an incident without asking: that it began, waits for them, or ended."""

from enum import StrEnum

from akeso.domain.incident import events as e
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.person_events import IncidentClosed, IncidentReopened, PeopleCalled


class Notice(StrEnum):
    """Why somebody is told."""

    OPENED = "opened"
    NEEDS_APPROVAL = "needs_approval"
    RESOLVED = "resolved"
    ESCALATED = "escalated"
    FAILED = "failed"
    CLOSED = "closed"
    REOPENED = "reopened"
    CALLED = "called"

    @property
    def ends(self) -> bool:
        """Whether the incident is over with it."""
        return self in {Notice.RESOLVED, Notice.CLOSED}


def notice_of(event: e.Event) -> Notice | None:
    """Why people are told of this event; None when they are not."""
    match event:
        case e.IncidentDetected():
            return Notice.OPENED
        case e.ApprovalRequested() | e.ActionPreviewed():
            return Notice.NEEDS_APPROVAL
        case e.IncidentResolved():
            return Notice.RESOLVED
        case e.IncidentEscalated():
            return Notice.ESCALATED
        case e.IncidentFailed():
            return Notice.FAILED
        case IncidentClosed():
            return Notice.CLOSED
        case IncidentReopened():
            return Notice.REOPENED
        case PeopleCalled():
            return Notice.CALLED
    return None


def headline(incident: Incident, event: e.Event) -> str:
    """One line for the person on call; the incident's title where the event is none that people are told of."""
    match event:
        case e.ApprovalRequested(step=step) | e.ActionPreviewed(step=step):
            proposed = incident.actions[step].step
            return f"Approval needed: {proposed.action} on {proposed.target}, for: {incident.title}"
        case e.IncidentResolved(why=why) | e.IncidentEscalated(why=why) | e.IncidentFailed(why=why):
            ending = type(event).__name__.removeprefix("Incident")
            return f"{ending}: {incident.title}" + (f" ({why})" if why else "")
        case IncidentClosed(by=by, reason=reason):
            return f"Closed by {by}: {incident.title} ({reason.value.replace('_', ' ')})"
        case IncidentReopened(why=why):
            return f"Re-opened: {incident.title}" + (f" ({why})" if why else "")
        case PeopleCalled(why=why):
            return f"You are called: {incident.title}" + (f" ({why})" if why else "")
        case e.IncidentDetected():
            return f"Opened: {incident.title}"
    return incident.title
