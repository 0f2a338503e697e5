"""The gate: every proposed step goes through policy and the built-in guards."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_hex

from akeso.domain.estate.service import Services
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Step
from akeso.domain.incident.silence import Silence
from akeso.domain.incident.verdict import Deny, PolicyRequest, Verdict
from akeso.domain.messages import PolicyAnswer, PolicyQuestion
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.engine.deadline import within
from akeso.engine.history import effect_history
from akeso.engine.incident_store import IncidentStore
from akeso.engine.suspension import Suspension
from akeso.ports.action import Action, on_akeso
from akeso.ports.bus import Bus, Topic
from akeso.ports.clock import Clock
from akeso.ports.window import TelemetryWindow
from akeso.stages.healing.authorship import Authority, doubt, rests_on
from akeso.stages.healing.govern import GovernOptions, Nature, Situation, approved, policy_request, settle
from akeso.stages.healing.guards import EffectHistory, GuardOptions, Proposal, guard
from akeso.stages.healing.rejections import Rejection, standing


@dataclass(frozen=True, slots=True)
class GateOptions:
    """The gate that every step passes.

    within: how long governance may take to answer; after that the step is denied.
    govern: what policy is told besides the step.
    guards: the limits that hold whatever policy says.
    heard: how long before the onset senders count as authors of what an incident rests on.
    """

    within: timedelta = timedelta(seconds=5)
    govern: GovernOptions = field(default_factory=GovernOptions)
    guards: GuardOptions = field(default_factory=GuardOptions, metadata={"set_at": "healing.guards"})
    heard: timedelta = timedelta(minutes=10)


def _nothing_frozen(tenant: str, service: str) -> Silence | None:
    del tenant, service
    return None


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """What a verdict stands on besides the incident. may_speak: which author may speak for which service; frozen: by
    tenant and service, the silence in which nothing is to be done."""

    actions: Mapping[str, Action]
    services: Services
    window: TelemetryWindow
    incident_store: IncidentStore
    suspension: Suspension
    may_speak: Authority
    frozen: Callable[[str, str], Silence | None] = _nothing_frozen


class Gate:
    """Asks governance over the bus and waits for its answer."""

    def __init__(
        self,
        inputs: PolicyInputs,
        bus: Bus,
        clock: Clock,
        options: GateOptions | None = None,
        token: Callable[[int], str] = token_hex,
    ) -> None:
        """token: a word that nobody used before, of so many bytes; questions are called by it."""
        self._inputs, self._bus, self._clock, self._token = inputs, bus, clock, token
        self._options = options or GateOptions()
        self._open: dict[str, asyncio.Future[Verdict]] = {}

    async def ask(self, incident: Incident, step: Step, *, dry_run: bool) -> Verdict:
        """The verdict on a step: as Akeso's proposal, or as a person's when one approved it. Silence is a no."""
        action = self._inputs.actions.get(step.action)
        option = incident.current_option
        if action is None or option is None:
            return Deny("gate", f"there is no action {step.action}")
        situation = await self._situation(incident, dry_run=dry_run)
        nature = Nature(action.reversible, action.risk, on_akeso(action))
        request = policy_request(incident, option, step, nature, situation)
        request = replace(request, doubt=self._doubt(incident, step))
        if self._inputs.frozen(incident.tenant, step.target) is not None:
            request = replace(request, change_freeze=True)
        record = incident.actions[step.id]
        if record.approved_by:
            request = approved(request, record.approved_by, record.approved_role, dry_run=record.dry_run)
        refusal = self._refusal(incident, Proposal(step, action.reversible), situation)
        return settle(await self._policy(incident, request), refusal, request)

    def answered(self, answer: PolicyAnswer) -> None:
        """An answer came in. One that nobody waits for (any more) is ignored."""
        waiting = self._open.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.verdict)

    async def _situation(self, incident: Incident, *, dry_run: bool) -> Situation:
        now, suspended = self._clock.now(), await self._inputs.suspension.refresh()
        return Situation(
            services=self._inputs.services,
            topology=self._inputs.window.topology(incident.tenant),
            history=await self._history(incident, now, suspended=suspended),
            now=now,
            options=replace(self._options.govern, dry_run=dry_run),
        )

    def _doubt(self, incident: Incident, step: Step) -> str:
        since = epoch_ns(incident.onset) - duration_ns(self._options.heard)
        heard = self._inputs.window.authors(incident.tenant, rests_on(incident, step), since)
        return doubt(incident, step, heard, self._inputs.may_speak)

    async def _history(self, incident: Incident, now: datetime, *, suspended: bool) -> EffectHistory:
        guards = self._options.guards
        known = await effect_history(self._inputs.incident_store, now, suspended=suspended, options=guards)
        return replace(known, rejections=self._standing(incident, known, now))

    async def rejections(self, incident: Incident) -> tuple[Rejection, ...]:
        """People's rejections that still stand for this incident's tenant."""
        now = self._clock.now()
        return (await self._history(incident, now, suspended=False)).rejections

    def _standing(self, incident: Incident, known: EffectHistory, now: datetime) -> tuple[Rejection, ...]:
        own = [r for r in known.rejections if r.tenant == incident.tenant]
        if not own:
            return ()
        since = epoch_ns(min(r.at for r in own))
        changes = self._inputs.window.changes(incident.tenant, since, self._clock.nanoseconds())
        return standing(own, changes, now, self._options.guards.rejections)

    def _refusal(self, incident: Incident, proposal: Proposal, situation: Situation) -> Deny | None:
        history, now = situation.history, situation.now
        return guard(proposal, incident, history, situation.services, now, self._options.guards)

    async def _policy(self, incident: Incident, request: PolicyRequest) -> Verdict:
        question = PolicyQuestion(f"{request.step.id}-{self._token(4)}", incident.id, request)
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._open[question.id] = answer
        try:
            return await within(self._clock, self._options.within, self._answer(question, answer))
        except TimeoutError as late:
            return Deny("gate", f"governance gave {late}")
        finally:
            del self._open[question.id]

    async def _answer(self, question: PolicyQuestion, answer: asyncio.Future[Verdict]) -> Verdict:
        await self._bus.publish(Topic.POLICY_REQUESTS, question.incident, question)
        return await answer
