"""Effects: the only place that calls an action's `apply` and `undo`.

Every effect is written down as intended, durably, before it runs, and its outcome after. What a crash leaves behind
is an intention without an outcome; it is looked at (`look`) and never blindly repeated.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, assert_never

import structlog

from akeso.domain.errors import ActionFailed, Conflict, Forbidden, NotFound, Unavailable
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.domain.incident.verdict import Allow, Deny
from akeso.engine.deadline import within
from akeso.engine.history import effect_history
from akeso.engine.incident_store import IncidentStore
from akeso.engine.suspension import Suspension
from akeso.ports.action import Action
from akeso.ports.clock import Clock
from akeso.ports.journal import Lease
from akeso.stages.healing.guards import GuardOptions, Proposal, guard

log = structlog.get_logger(__name__)
_PERMITS = frozenset({"allow", "modify"})


@dataclass(frozen=True, slots=True)
class EffectOptions:
    """How effects are run.

    look_within: time for capturing the state before, for a preview and for a check.
    act_within: time for applying and for undoing; after that the outcome is unknown.
    write_attempts: how often it is tried to write an outcome down.
    write_wait: how far apart these tries are.
    actor: in whose name outcomes are written into the journal.
    guards: the limits that are checked right before an effect.
    """

    look_within: timedelta = timedelta(seconds=10)
    act_within: timedelta = timedelta(seconds=30)
    write_attempts: int = 20
    write_wait: timedelta = timedelta(milliseconds=500)
    actor: str = "effects"
    guards: GuardOptions = field(default_factory=GuardOptions, metadata={"set_at": "healing.guards"})


@dataclass(frozen=True, slots=True)
class ActionCatalog:
    """What effects act on: the actions by name and the services as described."""

    actions: Mapping[str, Action]
    services: Services = field(default_factory=Services)


class Effects:
    """Runs, undoes and looks after effects. A caller that is cancelled does not cancel an effect that has begun:
    it goes on to its written outcome (`drain` waits for that)."""

    def __init__(
        self,
        catalog: ActionCatalog,
        incident_store: IncidentStore,
        suspension: Suspension,
        clock: Clock,
        options: EffectOptions | None = None,
    ) -> None:
        self._catalog, self._incident_store, self._clock = catalog, incident_store, clock
        self._suspension = suspension
        self._options = options or EffectOptions()
        self._running: dict[str, asyncio.Task[Incident]] = {}

    @property
    def reversible(self) -> frozenset[str]:
        """Names of the actions that can be undone."""
        return frozenset(name for name, action in self._catalog.actions.items() if action.reversible)

    async def preview(self, incident: Incident, step: Step, lease: Lease | None = None) -> Incident:
        """A dry run: journal what would be done. Nothing is done."""
        action, service = self._actor(step)
        try:
            said = await within(self._clock, self._options.look_within, action.preview(step, service))
        except (ActionFailed, TimeoutError) as error:
            said = f"cannot be previewed: {_reason(error)}"
        return await self._incident_store.record(
            incident.id, e.ActionPreviewed(step.id, said), self._options.actor, lease
        )

    async def run(self, incident: Incident, step: Step, allow: Allow, key: str, lease: Lease | None = None) -> Incident:
        """Apply one step, once. Raises Forbidden without a recorded verdict that permits it. A built-in guard that
        objects at the last moment turns the verdict into a denial; then nothing is done."""
        record = self._permitted(incident, step, allow)
        return await self._begin(incident.id, step.id, self._apply(incident, record.step, key, lease))

    async def undo(self, incident: Incident, step: Step, key: str, lease: Lease | None = None) -> Incident:
        """Put back what a step found. Raises Forbidden when effects are suspended or the action is irreversible."""
        record = incident.actions[step.id]
        action, _ = self._actor(record.step)
        if not action.reversible:
            raise Forbidden(f"{record.step.action} cannot be undone")
        if await self._suspension.refresh():
            raise Forbidden(self._suspension.why)
        return await self._begin(incident.id, step.id, self._undo(incident.id, record, key, lease))

    async def look(self, incident: Incident, step: Step, lease: Lease | None = None) -> Incident:
        """After a crash: find out what became of an effect that was intended, and write it down."""
        running = self._running.get(_name(incident.id, step.id))
        if running is not None:
            return await asyncio.shield(running)
        record = incident.actions[step.id]
        outcome = await self._checked(record)
        if record.status is ActionStatus.UNDOING:
            return await self._look_at_undo(incident, record, outcome, lease)
        return await self._incident_store.record(incident.id, _applied(record, outcome), self._options.actor, lease)

    async def drain(self) -> None:
        """Returns when no effect runs any more and all outcomes are written."""
        while self._running:
            await asyncio.wait(list(self._running.values()))
            await asyncio.sleep(0)  # lets the finished ones take themselves off the list

    def _permitted(self, incident: Incident, step: Step, allow: Allow) -> ActionRecord:
        record = incident.actions.get(step.id)
        if record is None:
            raise NotFound(f"incident {incident.id} has no step {step.id}")
        verdict = (record.status, record.policy)
        if verdict != (ActionStatus.ALLOWED, allow.policy) or record.verdict not in _PERMITS:
            raise Forbidden(f"no policy allowed {step.id}: it is {record.status}")
        return record

    async def _refusal(self, incident: Incident, step: Step, captured: Mapping[str, str]) -> Deny | None:
        action, _ = self._actor(step)
        suspended, now = await self._suspension.refresh(), self._clock.now()
        history = await effect_history(self._incident_store, now, suspended=suspended, options=self._options.guards)
        # Whether a rejection still stands, with all that changed since, the gate has looked at.
        history = replace(history, rejections=())
        proposal = Proposal(step, action.reversible, captured)
        refusal = guard(proposal, incident, history, self._catalog.services, now, self._options.guards)
        return replace(refusal, why=self._suspension.why) if refusal and suspended else refusal

    async def _begin(self, incident: str, step: str, work: Coroutine[Any, Any, Incident]) -> Incident:
        name = _name(incident, step)
        running = self._running.get(name)
        if running is not None:
            # Its caller was cancelled, the effect was not: it is this one.
            work.close()
            return await asyncio.shield(running)
        task = asyncio.create_task(work, name=name)
        self._running[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))
        return await asyncio.shield(task)

    def _ended(self, name: str, task: asyncio.Task[Incident]) -> None:
        del self._running[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("effect.interrupted", effect=name, error=str(error))

    async def _apply(self, incident: Incident, step: Step, key: str, lease: Lease | None) -> Incident:
        captured = await self._captured(step)
        if isinstance(captured, Failed):
            event: e.Event = e.ActionNotApplied(step.id, key, f"nothing was done: {captured.why}")
            return await self._incident_store.record(incident.id, event, self._options.actor, lease)
        refusal = await self._refusal(incident, step, captured)
        if refusal is not None:
            event = e.PolicyDecided(step.id, "deny", refusal.policy, refusal.why)
            return await self._incident_store.record(incident.id, event, self._options.actor, lease)
        await self._incident_store.record(
            incident.id, e.ActionIntended(step.id, key, captured), self._options.actor, lease
        )
        action, service = self._actor(step)
        outcome = await self._acted(action.apply(step, service, key, captured))
        return await self._write(incident.id, _outcome_of_apply(step.id, key, outcome))

    async def _captured(self, step: Step) -> dict[str, str] | Failed:
        try:
            action, service = self._actor(step)
            pre_state = dict(await within(self._clock, self._options.look_within, action.capture(step, service)))
        except (ActionFailed, NotFound, TimeoutError) as error:
            return Failed(_reason(error))
        # The boundary of a plugin: nothing has been done yet, so the next way of healing may be tried.
        except Exception as error:
            log.exception("effect.capture_failed", step=step.id)
            return Failed(f"the action broke: {_reason(error)}")
        return pre_state

    async def _undo(self, incident: str, record: ActionRecord, key: str, lease: Lease | None) -> Incident:
        step = record.step
        action, service = self._actor(step)
        await self._incident_store.record(incident, e.UndoIntended(step.id, key), self._options.actor, lease)
        outcome = await self._acted(action.undo(step, service, key, record.pre_state))
        return await self._write(incident, _outcome_of_undo(step.id, key, outcome))

    async def _acted(self, acting: Coroutine[Any, Any, EffectOutcome]) -> EffectOutcome:
        try:
            return await within(self._clock, self._options.act_within, acting)
        except TimeoutError as late:
            return Unknown(_reason(late))
        except ActionFailed as error:
            return Failed(_reason(error))
        # The boundary of a plugin: a defect in it must not leave an effect without an outcome.
        except Exception as error:
            log.exception("effect.defect")
            return Unknown(f"the action broke: {_reason(error)}")

    async def _checked(self, record: ActionRecord) -> EffectOutcome:
        try:
            action, service = self._actor(record.step)
            checking = action.check(record.step, service, record.key, record.pre_state)
            return await within(self._clock, self._options.look_within, checking)
        except TimeoutError as late:
            return Unknown(f"the check gave {_reason(late)}")
        except Exception as error:
            log.exception("effect.check_failed", step=record.step.id)
            return Unknown(f"the check failed: {_reason(error)}")

    async def _look_at_undo(
        self, incident: Incident, record: ActionRecord, outcome: EffectOutcome, lease: Lease | None
    ) -> Incident:
        key = f"{record.key}-undo"
        match outcome:
            case Failed(why):
                event: e.Event = e.ActionUndone(record.step.id, key, f"found undone after an interruption: {why}")
            case Unknown(why):
                event = e.UndoFailed(record.step.id, key, f"nobody can tell whether it was undone: {why}")
            case Done():
                # It is still in effect, so the undoing did not take place and may be done now.
                return await self.undo(incident, record.step, key, lease)
            case never:
                assert_never(never)
        return await self._incident_store.record(incident.id, event, self._options.actor, lease)

    async def _write(self, incident: str, event: e.Event) -> Incident:
        # What was done was done: it is written even when the lease was lost meanwhile.
        for attempt in range(1, self._options.write_attempts + 1):
            try:
                return await self._incident_store.record(incident, event, self._options.actor)
            except (Conflict, Unavailable):
                if attempt == self._options.write_attempts:
                    raise
                await self._clock.sleep(self._options.write_wait)
        raise AssertionError("unreachable")

    def _actor(self, step: Step) -> tuple[Action, ServiceSpec]:
        action = self._catalog.actions.get(step.action)
        if action is None:
            raise NotFound(f"there is no action {step.action}")
        return action, self._catalog.services[step.target]


def _applied(record: ActionRecord, outcome: EffectOutcome) -> e.Event:
    match _outcome_of_apply(record.step.id, record.key, outcome):
        case e.ActionApplied(step, key, detail, numbers):
            return e.ActionApplied(step, key, f"found applied after an interruption: {detail}", numbers)
        case event:
            return event


def _outcome_of_apply(step: str, key: str, outcome: EffectOutcome) -> e.Event:
    match outcome:
        case Done(detail, numbers):
            return e.ActionApplied(step, key, detail, dict(numbers))
        case Failed(why):
            return e.ActionNotApplied(step, key, why)
        case Unknown(why):
            return e.ActionUncertain(step, key, why)
        case never:
            assert_never(never)


def _outcome_of_undo(step: str, key: str, outcome: EffectOutcome) -> e.Event:
    match outcome:
        case Done(detail):
            return e.ActionUndone(step, key, detail)
        case Failed(why):
            return e.UndoFailed(step, key, why)
        case Unknown(why):
            return e.UndoFailed(step, key, f"nobody can tell whether it was undone: {why}")
        case never:
            assert_never(never)


def _name(incident: str, step: str) -> str:
    return f"{incident}/{step}"


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
