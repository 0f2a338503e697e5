"""The executor of moves: makes one move about one incident and writes down what came of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from akeso.agents.incidents.gate import Gate
from akeso.agents.incidents.incident_context import IncidentContext
from akeso.domain.errors import Forbidden
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Step
from akeso.domain.incident.verdict import Allow, Ask, Deny, Modify, Verdict
from akeso.engine.alert_record import MemoryAlertLedger
from akeso.engine.effects import Effects
from akeso.engine.incident_store import IncidentStore
from akeso.ports.alert_ledger import AlertLedger
from akeso.ports.clock import Clock
from akeso.ports.journal import Lease
from akeso.stages.healing import moves as m
from akeso.stages.healing.advance import AdvanceOptions
from akeso.stages.healing.learn import mttr_seconds
from akeso.stages.healing.verify import takes


@dataclass(frozen=True, slots=True)
class HealingDeps:
    """What moves are made with."""

    incident_store: IncidentStore
    effects: Effects
    gate: Gate
    context: IncidentContext
    clock: Clock
    ledger: AlertLedger = field(default_factory=MemoryAlertLedger)


class MoveExecutor:
    """Every branch of `perform` ends in a journal event, so that the next move follows from the fold alone."""

    def __init__(self, deps: HealingDeps, actor: str, options: AdvanceOptions) -> None:
        self._deps, self._actor = deps, actor
        self.options = options

    async def perform(self, incident: Incident, move: m.Move, lease: Lease) -> datetime | None:
        """Make the move. Until when to wait; None: go on at once."""
        match move:
            case m.Wait(until):
                return until
            case m.Verify():
                return await self._verify(incident, lease)
            case m.Execute() | m.Look() | m.Undo() | m.Preview():
                await self._act(incident, move, lease)
            case m.Diagnose() | m.MakePlan() | m.BeginVerification() | m.Learn():
                await self._think(incident, move, lease)
            case m.AskVerdict(step):
                await self._ask(incident, step, lease)
            case m.RequestApproval(step):
                await self._request(incident, step, *await self._whom(incident, step), lease)
            case m.ExpireApproval() | m.TryNext() | m.Resolve() | m.Escalate():
                await self._record(incident, _stated(move), lease)
            case m.Nothing():
                pass
        return None

    async def _record(self, incident: Incident, event: e.Event, lease: Lease) -> Incident:
        return await self._deps.incident_store.record(incident.id, event, self._actor, lease)

    async def _act(self, incident: Incident, move: m.Execute | m.Look | m.Undo | m.Preview, lease: Lease) -> None:
        effects = self._deps.effects
        try:
            match move:
                case m.Execute(step, policy, key):
                    await effects.run(incident, step, Allow(policy), key, lease)
                case m.Look(step):
                    await effects.look(incident, step, lease)
                case m.Undo(step, key):
                    await effects.undo(incident, step, key, lease)
                case m.Preview(step):
                    await effects.preview(incident, step, lease)
        except Forbidden as refusal:
            # Only an undo meets this: effects were suspended after the verdict. People suspended, people go on.
            said = f"{move.step.action} of {move.step.target} could not be undone: {refusal}"
            await self._record(incident, e.IncidentEscalated(said), lease)

    async def _think(
        self, incident: Incident, move: m.Diagnose | m.MakePlan | m.BeginVerification | m.Learn, lease: Lease
    ) -> None:
        match move:
            case m.Diagnose():
                await self._diagnose(incident, lease)
            case m.MakePlan():
                await self._plan(incident, lease)
            case m.BeginVerification():
                await self._begin_verification(incident, lease)
            case m.Learn():
                await self._learn(incident, lease)

    async def _diagnose(self, incident: Incident, lease: Lease) -> None:
        if not incident.analysis_due:
            incident = await self._record(incident, e.AnalysisStarted(), lease)
        found = await self._deps.context.diagnosis(incident)
        await self._record(incident, e.DiagnosisMade(found), lease)

    async def _plan(self, incident: Incident, lease: Lease) -> None:
        rejections = await self._deps.gate.rejections(incident)
        await self._record(incident, e.PlanMade(await self._deps.context.plan(incident, rejections)), lease)

    async def _begin_verification(self, incident: Incident, lease: Lease) -> None:
        option = incident.current_option
        within = option.verify_within if option else timedelta(0)
        watches = self._deps.context.watches(incident)
        within = max(within, takes(watches))
        await self._record(incident, e.VerificationStarted(watches, self._deps.clock.now() + within), lease)

    async def _verify(self, incident: Incident, lease: Lease) -> datetime | None:
        found = self._deps.context.verification(incident)
        if found is None:
            return incident.verify_by
        await self._record(incident, e.VerificationMade(found.recovery, found.statement, found.numbers), lease)
        return None

    async def _ask(self, incident: Incident, step: Step, lease: Lease) -> None:
        record = incident.actions[step.id]
        dry_run = self.options.dry_run and not record.approved_by
        verdict = await self._deps.gate.ask(incident, step, dry_run=dry_run)
        incident = await self._record(incident, _decided(step.id, verdict), lease)
        if isinstance(verdict, Ask):
            await self._request(incident, step, verdict.approvers, verdict.expiry, lease)

    async def _whom(self, incident: Incident, step: Step) -> tuple[tuple[str, ...], timedelta]:
        # Anybody may see a dry run; who may agree to the effect itself, and until when, policy says.
        verdict = await self._deps.gate.ask(incident, step, dry_run=False)
        if isinstance(verdict, Ask):
            return verdict.approvers, verdict.expiry
        return self.options.approvers, self.options.expiry

    async def _request(
        self, incident: Incident, step: Step, approvers: tuple[str, ...], expiry: timedelta, lease: Lease
    ) -> None:
        until = self._deps.clock.now() + expiry
        await self._record(incident, e.ApprovalRequested(step.id, approvers, until), lease)

    async def _learn(self, incident: Incident, lease: Lease) -> None:
        memory = self._deps.context.lesson(incident)
        await self._deps.context.remember(memory)
        await self._record(incident, e.LessonLearned(memory.id, mttr_seconds(incident)), lease)
        self._deps.context.forget(incident.id)


def _stated(move: m.ExpireApproval | m.TryNext | m.Resolve | m.Escalate) -> e.Event:
    match move:
        case m.ExpireApproval(step):
            return e.ApprovalExpired(step.id)
        case m.TryNext(why):
            return e.OptionAbandoned(why)
        case m.Resolve(why):
            return e.IncidentResolved(why)
        case m.Escalate(why):
            return e.IncidentEscalated(why)


def _decided(step: str, verdict: Verdict) -> e.PolicyDecided:
    match verdict:
        case Allow(policy):
            return e.PolicyDecided(step, "allow", policy)
        case Ask(policy, approvers, why=why):
            needed = f"needs a yes of {' or '.join(approvers)}"
            return e.PolicyDecided(step, "ask", policy, f"{needed}: {why}" if why else needed)
        case Deny(policy, why):
            return e.PolicyDecided(step, "deny", policy, why)
        case Modify(policy, smaller, why):
            return e.PolicyDecided(step, "modify", policy, why, instead=smaller)
