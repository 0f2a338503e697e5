"""One channel of people: what it is told now, what later, and what together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from akeso.agents.incidents.held_notices import Held
from akeso.agents.incidents.notice_delivery import NoticeDelivery
from akeso.domain.estate.service import Services
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import Notice, notice_of
from akeso.domain.incident.silence import Silence
from akeso.stages.notification.pacing import Group, Pacing, group_of
from akeso.stages.notification.routing import Told, must_wait
from akeso.stages.notification.rules import Rules
from akeso.stages.notification.summary import summary

Present = tuple[Incident, Held]


class NoticeChannel:
    """What is held back is durable before the next line is looked at, and told once nothing holds it.

    one_each: the channel keeps one thing an incident (a page, a ticket), so that its notices are never told together.
    """

    def __init__(self, delivery: NoticeDelivery, rules: Rules, services: Services, *, one_each: bool) -> None:
        self.delivery = delivery
        self._rules, self._services, self._one_each = rules, services, one_each
        limits = rules.channel_limits.get(delivery.name, rules.limits)
        self._pacing = Pacing(replace(limits, together=limits.together * (not one_each)))
        self._releasing: set[int] = set()

    async def take(
        self, incident: Incident, entry: Entry, told: Told, silences: Sequence[Silence], at: datetime
    ) -> None:
        """Tell it, or hold it back."""
        if not self.delivery.takes(entry):
            return
        if must_wait(self._rules, told, incident, silences, at) or not self._admits(incident, entry, at):
            await self.delivery.held.add(Held(entry, told))
        else:
            # What is told now says all that was held back of the same incident.
            before = {h.entry.sequence for h in self.delivery.held if h.entry.incident == incident.id}
            self._put(incident, entry, before - self._releasing)
        self.delivery.settle(entry)

    def release(self, incidents: Mapping[str, Incident], silences: Sequence[Silence], at: datetime) -> None:
        """What nothing holds back any more is told. incidents: those of what is held, as they are now."""
        self._releasing = {h.entry.sequence for h in self.delivery.held} & self._releasing
        ready = [
            (incident, held)
            for held in self.delivery.held
            if held.entry.sequence not in self._releasing
            and (incident := incidents.get(held.entry.incident)) is not None
            and not must_wait(self._rules, held.told, incident, silences, at)
        ]
        for together in self._parcels(ready):
            lead, entry = summary([(incident, held.entry) for incident, held in together])
            if self._admits(lead, entry, at):
                self._put(lead, entry, {held.entry.sequence for _, held in together})

    def _put(self, incident: Incident, entry: Entry, covers: Collection[int]) -> None:
        self._releasing.update(covers)
        self.delivery.put(incident, entry, sorted(covers))

    def _admits(self, incident: Incident, entry: Entry, at: datetime) -> bool:
        notice = notice_of(entry.event) or Notice.OPENED
        if self._one_each and notice.ends:
            return True
        return self._pacing.admits(self._group(incident), notice, incident.severity, at)

    def _parcels(self, ready: Sequence[Present]) -> list[list[Present]]:
        """What goes into one message each."""

        def parcel(present: Present) -> tuple[str, ...]:
            return (present[0].id,) if self._one_each else self._group(present[0])

        ordered = sorted(ready, key=parcel)
        return [list(each) for _, each in groupby(ordered, parcel)]

    def _group(self, incident: Incident) -> Group:
        return group_of(self._services, incident)
