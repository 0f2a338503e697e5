"""The life of an incident as a state machine: whatever happens, people reach an end and can open it again."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidTransition
from akeso.domain.incident import events as e
from akeso.domain.incident import person_events as p
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.evolution import evolve, fold
from akeso.domain.incident.incident import ActionStatus, Incident
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.stages.healing import moves as m
from akeso.stages.healing.advance import AdvanceOptions, View, next_move
from akeso.testing.events import AT

OPTIONS = AdvanceOptions(dry_run=False)
TRIED = {ActionStatus.INTENDED, ActionStatus.APPLIED, ActionStatus.FAILED, ActionStatus.UNKNOWN, ActionStatus.UNDOING,
         ActionStatus.UNDONE, ActionStatus.UNDO_FAILED}  # fmt: skip


def said_at_the_end(move: m.Move) -> e.Event | None:
    """What is written of a way of healing that ends, or of the incident's end."""
    match move:
        case m.TryNext(why):
            return e.OptionAbandoned(why)
        case m.Resolve(why):
            return e.IncidentResolved(why)
        case m.Escalate(why):
            return e.IncidentEscalated(why)
        case m.Learn():
            return e.LessonLearned("i1")
    return None


class Life(RuleBasedStateMachine):
    """Akeso makes its next move with whatever result, and people say whatever they may, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = AT
        self.entries: list[e.Entry] = []
        self.incident: Incident | None = None
        self.allowed: set[str] = set()
        alert = Alert("t", "f", "test", "cart", "Slow", Severity.ERROR, AlertStatus.FIRING, AT)
        self.tell(e.IncidentDetected("t", "cart", "slow", Severity.ERROR, AT, alerts=(alert,)))

    @property
    def known(self) -> Incident:
        assert self.incident is not None
        return self.incident

    def tell(self, event: e.Event) -> None:
        entry = e.Entry(len(self.entries) + 1, "i1", self.now, "test", event)
        self.incident = evolve(self.incident, entry)
        self.entries.append(entry)
        if isinstance(event, e.PolicyDecided) and event.verdict == "allow":
            self.allowed.add(event.step)

    def say(self, event: e.Event) -> bool:
        """Whether it fitted."""
        try:
            self.tell(event)
        except InvalidTransition:
            return False
        return True

    @rule(seconds=st.integers(1, 3000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(
        verdict=st.sampled_from(["allow", "ask", "deny"]), recovery=st.sampled_from(list(Recovery)),
        quiet=st.booleans(), ends=st.sampled_from(["applied", "failed", "unknown", "interrupted"]))  # fmt: skip
    def akeso_moves(self, verdict: str, recovery: Recovery, quiet: bool, ends: str) -> None:
        view = View(self.now, timedelta(minutes=20) if quiet else timedelta(0), frozenset({"restart"}))
        match next_move(self.known, view, OPTIONS):
            case m.Wait(until):
                self.now = max(self.now, until)
            case m.Execute(step, _, key):
                self.tell(e.ActionIntended(step.id, key, {"running": "2"}))
                self.outcome(step.id, key, ends)
            case m.Look(step):
                self.looked(step)
            case m.AskVerdict(step):
                self.tell(e.PolicyDecided(step.id, verdict, "p"))
            case move:
                for event in self.follows(move, recovery):
                    self.tell(event)

    def outcome(self, step: str, key: str, ends: str) -> None:
        match ends:
            case "applied":
                self.tell(e.ActionApplied(step, key))
            case "failed":
                self.tell(e.ActionNotApplied(step, key, "refused"))
            case "unknown":
                self.tell(e.ActionUncertain(step, key, "no answer"))

    def looked(self, step: Step) -> None:
        record = self.known.actions[step.id]
        if record.status is ActionStatus.UNDOING:
            self.tell(e.ActionUndone(step.id, record.key))
        else:
            self.tell(e.ActionApplied(step.id, record.key))

    def follows(self, move: m.Move, recovery: Recovery) -> list[e.Event]:
        match move:
            case m.Diagnose():
                found = Diagnosis((Hypothesis("cart", "crash", 0.9),), known=True)
                return [e.AnalysisStarted(), e.DiagnosisMade(found)]
            case m.MakePlan():
                step = Step(f"i1-p{self.known.plans + 1}-s1", "restart", "cart")
                option = Option("restart", (step,), 0.8, Risk.LOW, True, timedelta(seconds=10))
                return [e.PlanMade(Plan((option,)))]
            case m.RequestApproval(step):
                return [e.ApprovalRequested(step.id, ("approver",), self.now + timedelta(minutes=30))]
            case m.ExpireApproval(step):
                return [e.ApprovalExpired(step.id)]
            case m.BeginVerification():
                return [e.VerificationStarted((), self.now + timedelta(seconds=10))]
            case m.Verify():
                return [e.VerificationMade(recovery, "as seen")]
            case m.Undo(step, key):
                return [e.UndoIntended(step.id, key), e.ActionUndone(step.id, key)]
        return [event] if (event := said_at_the_end(move)) is not None else []

    @rule(reason=st.sampled_from(list(p.CloseReason)))
    def somebody_closes_it(self, reason: p.CloseReason) -> None:
        assert self.say(p.IncidentClosed("ann", reason)) or self.known.status.over
        assert self.known.status.over

    @precondition(lambda self: self.known.status.at_rest)
    @rule()
    def somebody_opens_it_again(self) -> None:
        assert self.say(p.IncidentReopened("ann", "not yet"))
        assert not self.known.status.at_rest
        assert self.known.current_option is None

    @rule()
    def somebody_asks_for_an_analysis(self) -> None:
        assert self.say(e.AnalysisStarted("ann")) or self.known.status.over

    @rule(yes=st.booleans())
    def somebody_decides(self, yes: bool) -> None:
        waiting = [r.step.id for r in self.known.actions.values() if r.status is ActionStatus.ASKED]
        if waiting:
            said = (
                e.ApprovalGranted(waiting[-1], "ann", "approver", False)
                if yes
                else e.ApprovalRejected(waiting[-1], "ann", "approver", "no")
            )
            self.say(said)

    @rule(minutes=st.integers(-5, 60))
    def somebody_snoozes_it(self, minutes: int) -> None:
        assert self.say(p.IncidentSnoozed("ann", self.now + timedelta(minutes=minutes)))

    @rule()
    def somebody_is_at_it(self) -> None:
        assert self.say(p.IncidentAcknowledged("ann", "mine"))
        assert self.say(p.IncidentAssigned("ann", "bob"))
        assert self.say(p.PrioritySet("ann", p.Priority.P1))

    @rule(firing=st.booleans())
    def its_alert_ends_or_fires_again(self, firing: bool) -> None:
        (alert,) = self.known.alerts
        if firing and alert.status is AlertStatus.RESOLVED:
            self.tell(
                e.AlertFiredAgain(Alert("t", "f", "test", "cart", "Slow", Severity.ERROR, AlertStatus.FIRING, self.now))
            )
        elif not firing:
            self.tell(e.AlertCleared("f", alert.starts_at, "test"))

    @invariant()
    def nothing_is_done_without_the_gate(self) -> None:
        done = {step for step, record in self.known.actions.items() if record.status in TRIED}
        assert done <= self.allowed

    @invariant()
    def the_journal_tells_all_of_it(self) -> None:
        assert fold(self.entries) == self.incident

    @invariant()
    def a_person_reaches_an_end_and_a_new_beginning(self) -> None:
        entry = e.Entry(len(self.entries) + 1, "i1", self.now, "ann", p.IncidentClosed("ann", p.CloseReason.OTHER))
        ended = self.known if self.known.status.over else evolve(self.incident, entry)
        assert ended.status.over
        again = evolve(ended, e.Entry(len(self.entries) + 2, "i1", self.now, "ann", p.IncidentReopened("ann")))
        assert not again.status.at_rest

    @invariant()
    def what_is_over_does_nothing_but_learn_and_look(self) -> None:
        if self.known.status.over:
            move = next_move(self.known, View(self.now), OPTIONS)
            assert isinstance(move, m.Nothing | m.Learn | m.Look | m.Wait)

    @invariant()
    def its_alert_is_never_lost(self) -> None:
        assert [a.fingerprint for a in self.known.alerts] == ["f"]


Life.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
