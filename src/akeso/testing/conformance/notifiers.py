"""What every notifier has to keep to, and a notifier that does as a test says."""

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import AkesoError
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionRecord, Incident
from akeso.domain.incident.notice import notice_of
from akeso.domain.incident.person_events import CloseReason, IncidentClosed, IncidentReopened, PeopleCalled
from akeso.domain.incident.plan import Step
from akeso.ports.notifier import Notifier
from akeso.testing.conformance.plugins import says_who_it_is

AT = datetime(2030, 1, 1, tzinfo=UTC)
OPENED = e.IncidentDetected("acme", "cart", "cart is slow", Severity.ERROR, AT)
# One event of each kind that people are told of.
TOLD: tuple[e.Event, ...] = (
    OPENED,
    e.ApprovalRequested("s1", ("approver",), AT + timedelta(minutes=30)),
    e.ActionPreviewed("s1", "would restart cart"),
    e.IncidentResolved("cart is as fast as before"),
    e.IncidentEscalated("nothing helped"),
    e.IncidentFailed("the plan could not be carried out"),
    IncidentClosed("ann", CloseReason.FALSE_ALARM),
    IncidentReopened("ann", "it came back"),
    PeopleCalled("shop", 1, ("pager",), "nobody acknowledged it within 15 minutes"),
)


def told(event: e.Event) -> tuple[Incident, e.Entry]:
    """An incident and the entry of an event in it."""
    incident = Incident("inc-1", OPENED.tenant, OPENED.service, OPENED.title, OPENED.severity, AT, AT, AT)
    step = Step("s1", "restart", "cart")
    return replace(incident, actions={step.id: ActionRecord(step)}), e.Entry(7, "inc-1", AT, "test", event)


class NotifierConformance:
    """Checks that hold for every notifier; a test calls each with one that leads nowhere."""

    limit_s = 20.0

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier

    def describes_itself(self) -> None:
        """Its name can stand in the settings."""
        assert isinstance(self.notifier, Notifier)
        says_who_it_is(self.notifier)

    async def ends_whatever_it_is_told(self) -> None:
        """Every notice is told, or refused with an error of Akeso's, in time."""
        assert all(notice_of(event) for event in TOLD)
        for event in TOLD:
            began = time.monotonic()
            with suppress(AkesoError):
                await self.notifier.notify(*told(event))
            assert time.monotonic() - began < self.limit_s, event


@dataclass
class ScriptedNotifier:
    """Fails as often as `failures` says, then remembers what it was told."""

    name: str = "scripted"
    failures: int = 0
    tries: int = 0
    told: list[tuple[Incident, e.Entry]] = field(default_factory=list)

    async def notify(self, incident: Incident, entry: e.Entry) -> None:
        """As told."""
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise RuntimeError("nobody answers")
        self.told.append((incident, entry))
