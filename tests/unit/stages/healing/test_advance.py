"""The next move: every run of moves and outcomes ends, and nothing is done twice."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.stages.healing import moves as m
from akeso.stages.healing.advance import AdvanceOptions, View, next_move
from akeso.stages.healing.guards import COOL_DOWN

START = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIVE = AdvanceOptions(dry_run=False)
REVERSIBLE = frozenset({"scale_out"})


@dataclass
class Story:
    """An incident that goes through moves, and what was done on the way."""

    options: AdvanceOptions = LIVE
    now: datetime = START
    incident: Incident | None = None
    lines: int = 0
    applied: Counter[str] = field(default_factory=Counter)
    undone: Counter[str] = field(default_factory=Counter)

    def tell(self, *told: e.Event) -> "Story":
        for event in told:
            self.lines += 1
            self.incident = evolve(self.incident, e.Entry(self.lines, "inc", self.now, "test", event))
        return self

    @property
    def known(self) -> Incident:
        assert self.incident is not None
        return self.incident

    def move(self, quiet: timedelta = timedelta(0)) -> m.Move:
        return next_move(self.known, View(self.now, quiet, REVERSIBLE), self.options)


def detected(options: AdvanceOptions = LIVE) -> Story:
    return Story(options).tell(e.IncidentDetected("t", "cart", "slow", Severity.ERROR, START))


def known(confidence: float = 0.9) -> e.DiagnosisMade:
    return e.DiagnosisMade(Diagnosis((Hypothesis("cart", "crash", confidence),), confidence >= 0.5))


def plan(incident: Incident, *options: tuple[str, ...]) -> e.PlanMade:
    made = tuple(
        Option(
            "book",
            tuple(Step(f"p{incident.plans + 1}-o{i}-s{j}", a, "cart") for j, a in enumerate(actions)),
            0.5,
            Risk.LOW,
            False,
            10 * SECOND,
        )
        for i, actions in enumerate(options)
    )
    return e.PlanMade(Plan(made))


def planned(*options: tuple[str, ...], with_options: AdvanceOptions = LIVE) -> Story:
    story = detected(with_options)
    story.now += 2 * SECOND
    story.tell(known())
    return story.tell(plan(story.known, *options))


def test_it_lets_the_symptoms_arrive_before_it_diagnoses() -> None:
    story = detected()
    assert story.move() == m.Wait(START + 2.5 * SECOND)
    story.now += 2.5 * SECOND
    assert story.move() == m.Diagnose()


def test_a_sure_diagnosis_is_planned_at_once_and_an_unsure_one_waits_for_news() -> None:
    sure = detected().tell(known(0.9))
    sure.now += 3 * SECOND
    assert sure.move() == m.MakePlan()
    unsure = detected()
    unsure.now += 2 * SECOND
    unsure.tell(known(0.6))
    assert unsure.move() == m.Wait(START + 4 * SECOND)
    unsure.now += 2 * SECOND
    assert unsure.move() == m.MakePlan()


def test_a_doubtful_diagnosis_is_looked_at_again_even_without_news() -> None:
    doubtful = detected()
    doubtful.now += 2 * SECOND
    doubtful.tell(known(0.55))
    doubtful.now += 2 * SECOND
    assert doubtful.move() == m.Diagnose()
    doubtful.tell(known(0.55), known(0.55))
    doubtful.now += 2 * SECOND
    assert doubtful.move() == m.MakePlan()


def test_a_person_who_asks_gets_a_new_diagnosis() -> None:
    story = planned(("restart",)).tell(e.AnalysisStarted("olga"))
    story.now = START + 2.5 * SECOND
    assert story.move() == m.Diagnose()


def test_gone_symptoms_hold_the_healing_off_and_then_end_the_incident() -> None:
    story = planned(("restart",))
    assert isinstance(story.move(), m.AskVerdict)
    assert isinstance(story.move(quiet=SECOND), m.Wait)
    assert isinstance(story.move(quiet=6 * SECOND), m.Resolve)


def test_gone_symptoms_do_not_end_an_incident_that_was_acted_upon() -> None:
    story = planned(("restart",))
    step = next(iter(story.known.actions))
    story.tell(e.PolicyDecided(step, "allow", "p"), e.ActionIntended(step, "k"), e.ActionApplied(step, "k"))
    assert story.move(quiet=60 * SECOND) == m.BeginVerification()


def test_an_intention_without_outcome_is_looked_at_and_not_repeated() -> None:
    story = planned(("restart",))
    step = next(iter(story.known.actions))
    story.tell(e.PolicyDecided(step, "allow", "p"), e.ActionIntended(step, "k"))
    story.now += SECOND
    assert isinstance(story.move(), m.Look)


def test_a_refusal_that_passes_by_itself_is_waited_out_up_to_the_patience() -> None:
    story = planned(("restart",), ("scale_out",))
    step = next(iter(story.known.actions))
    denied = e.PolicyDecided(step, "deny", COOL_DOWN, "ran 28 s ago")
    story.tell(denied)
    assert story.move() == m.Wait(story.now + 2 * SECOND)
    story.now += 2 * SECOND
    assert isinstance(story.move(), m.AskVerdict)
    story.now = START + LIVE.unknown_timeout
    story.tell(denied)
    assert isinstance(story.move(), m.TryNext)


def test_a_refusal_of_policy_is_not_waited_out() -> None:
    story = planned(("restart",), ("scale_out",))
    story.tell(e.PolicyDecided(next(iter(story.known.actions)), "deny", "freeze", "not today"))
    assert isinstance(story.move(), m.TryNext)


def test_an_effect_that_did_not_take_place_is_tried_once_more_with_a_new_key_and_a_new_verdict() -> None:
    story = planned(("restart",))
    step = next(iter(story.known.actions))
    keys = []
    for _ in range(2):
        assert isinstance(story.move(), m.AskVerdict)
        story.tell(e.PolicyDecided(step, "allow", "p"))
        execute = story.move()
        assert isinstance(execute, m.Execute)
        keys.append(execute.key)
        story.tell(e.ActionIntended(step, execute.key), e.ActionNotApplied(step, execute.key, "refused"))
    assert len(set(keys)) == 2
    assert isinstance(story.move(), m.TryNext)


def test_what_nobody_can_tell_about_is_never_repeated() -> None:
    story = planned(("restart",), ("scale_out",))
    step = next(iter(story.known.actions))
    story.tell(e.PolicyDecided(step, "allow", "p"), e.ActionIntended(step, "k"), e.ActionUncertain(step, "k", "?"))
    assert story.move() == m.BeginVerification()
    story.tell(e.VerificationStarted((), story.now), e.VerificationMade(Recovery.NOT_RECOVERED, "still slow"))
    assert isinstance(story.move(), m.Escalate)


def test_only_what_can_be_undone_is_undone_the_last_first() -> None:
    story = planned(("scale_out", "restart", "scale_out"))
    for step in list(story.known.actions):
        story.tell(e.PolicyDecided(step, "allow", "p"), e.ActionIntended(step, "k"), e.ActionApplied(step, "k"))
    story.tell(e.VerificationStarted((), story.now), e.VerificationMade(Recovery.NOT_RECOVERED, "still slow"))
    order = []
    while isinstance(move := story.move(), m.Undo):
        order.append(move.step.id)
        story.tell(e.UndoIntended(move.step.id, move.key), e.ActionUndone(move.step.id, move.key))
    assert order == ["p1-o0-s2", "p1-o0-s0"]
    assert isinstance(move, m.TryNext)


def test_in_a_dry_run_a_person_is_asked_after_a_preview_although_policy_allows() -> None:
    story = planned(("restart",), with_options=AdvanceOptions(dry_run=True))
    step = next(iter(story.known.actions))
    story.tell(e.PolicyDecided(step, "allow", "dry-run"))
    assert isinstance(story.move(), m.RequestApproval)
    story.tell(e.ApprovalRequested(step, ("approver",), story.now + 60 * SECOND))
    assert isinstance(story.move(), m.Preview)
    story.tell(e.ActionPreviewed(step, "would restart"))
    assert story.known.status is IncidentStatus.PENDING_APPROVAL
    assert story.move() == m.Wait(story.now + 60 * SECOND)
    story.tell(e.ApprovalGranted(step, "ada", "approver", dry_run=False))
    assert isinstance(story.move(), m.AskVerdict)
    story.tell(e.PolicyDecided(step, "allow", "approved"))
    assert isinstance(story.move(), m.Execute)


def test_what_has_ended_is_learned_from_and_then_left() -> None:
    story = detected().tell(e.IncidentEscalated("too hard"))
    assert story.move() == m.Learn()
    assert story.tell(e.LessonLearned("mem")).move() == m.Nothing()
    assert detected().tell(e.IncidentSuppressed("maintenance")).move() == m.Nothing()


Draw = st.DataObject
_MENU = st.lists(st.lists(st.sampled_from(["restart", "scale_out"]), max_size=3).map(tuple), max_size=3)


def _thought(story: Story, move: m.Move, data: Draw) -> list[e.Event]:
    match move:
        case m.Diagnose():
            asked = [] if story.known.analysis_due else [e.AnalysisStarted()]
            return [*asked, known(data.draw(st.sampled_from([0.2, 0.6, 0.9])))]
        case m.MakePlan():
            return [plan(story.known, *data.draw(_MENU))]
        case m.BeginVerification():
            return [e.VerificationStarted((), story.now + 10 * SECOND)]
        case m.Verify():
            return [e.VerificationMade(data.draw(st.sampled_from(Recovery)), "drawn")]
        case m.Learn():
            return [e.LessonLearned("mem")]
        case m.TryNext(why):
            return [e.OptionAbandoned(why)]
        case m.Resolve(why):
            return [e.IncidentResolved(why)]
        case m.Escalate(why):
            return [e.IncidentEscalated(why)]
    raise AssertionError(move)


def _asked(story: Story, move: m.Move, data: Draw) -> list[e.Event]:
    match move:
        case m.AskVerdict(step):
            verdict = data.draw(st.sampled_from(["allow", "allow", "ask", "deny", "modify"]))
            return [e.PolicyDecided(step.id, verdict, "p", instead=replace(step, parameters={"n": "1"}))]
        case m.RequestApproval(step):
            return [e.ApprovalRequested(step.id, ("approver",), story.now + 30 * SECOND)]
        case m.ExpireApproval(step):
            return [e.ApprovalExpired(step.id)]
        case m.Preview(step):
            return [e.ActionPreviewed(step.id, "would")]
    raise AssertionError(move)


def _did(story: Story, move: m.Move, data: Draw) -> list[e.Event]:
    """An effect with its outcome, or interrupted before (0) or after (1) the effect was there."""
    match move:
        case m.Execute(step, _, key):
            assert story.known.actions[step.id].status is ActionStatus.ALLOWED
            outcome = data.draw(st.sampled_from(["done", "failed", "unknown", "killed before", "killed after"]))
            story.applied[step.id] += outcome in {"done", "killed after"}
            after = _outcomes(step.id, key).get(outcome, [])
            return [e.ActionIntended(step.id, key, {"was": outcome}), *after]
        case m.Undo(step, key):
            assert story.applied[step.id] == 1
            outcome = data.draw(st.sampled_from(["done", "failed", "killed after"]))
            story.undone[step.id] += outcome != "failed"
            ends: dict[str, list[e.Event]] = {
                "done": [e.ActionUndone(step.id, key)],
                "failed": [e.UndoFailed(step.id, key, "stuck")],
            }
            return [e.UndoIntended(step.id, key), *ends.get(outcome, [])]
        case m.Look(step):
            record = story.known.actions[step.id]
            if record.status is ActionStatus.UNDOING:
                return [e.ActionUndone(step.id, "k")]
            there = record.pre_state["was"] == "killed after"
            return _outcomes(step.id, record.key)["done" if there else "failed"]
    raise AssertionError(move)


def _outcomes(step: str, key: str) -> dict[str, list[e.Event]]:
    return {
        "done": [e.ActionApplied(step, key)],
        "failed": [e.ActionNotApplied(step, key, "refused")],
        "unknown": [e.ActionUncertain(step, key, "no answer")],
    }


def _waited(story: Story, until: datetime, data: Draw) -> list[e.Event]:
    waiting = [r for r in story.known.actions.values() if r.status in {ActionStatus.ASKED, ActionStatus.PREVIEWED}]
    answered: bool = data.draw(st.booleans())
    if waiting and answered:
        step = waiting[-1].step.id
        yes = e.ApprovalGranted(step, "ada", "approver", dry_run=data.draw(st.booleans()))
        return [yes if data.draw(st.booleans()) else e.ApprovalRejected(step, "ada", "approver")]
    assert until > story.now
    story.now = until
    return []


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data(), st.booleans())
def test_every_course_ends_and_no_step_takes_effect_twice(data: Draw, dry_run: bool) -> None:
    story = detected(AdvanceOptions(dry_run=dry_run))
    for _ in range(400):
        move = story.move(quiet=timedelta(seconds=data.draw(st.sampled_from([0, 0, 0, 0, 1]))))
        match move:
            case m.Nothing():
                break
            case m.Wait(until):
                story.tell(*_waited(story, until, data))
            case m.Execute() | m.Undo() | m.Look():
                story.tell(*_did(story, move, data))
                story.now += SECOND
            case m.AskVerdict() | m.RequestApproval() | m.ExpireApproval() | m.Preview():
                story.tell(*_asked(story, move, data))
            case _:
                story.tell(*_thought(story, move, data))
    assert story.known.status.at_rest
    assert story.known.memory
    assert max(story.applied.values(), default=0) <= 1
    assert all(story.undone[step] <= story.applied[step] for step in story.undone)
    if story.known.status is IncidentStatus.RESOLVED and 1 in story.applied.values():
        assert story.known.verification is not None
        assert story.known.verification.recovery is Recovery.RECOVERED
