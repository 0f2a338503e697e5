"""The projections say what the journal says, in the words of people who query SQL."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.adapters.journals import tables as t
from akeso.adapters.journals.incident_list import SqlIncidentList
from akeso.adapters.journals.queries import AuditLine, Mttr, OutcomeCount, PendingApproval
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.memory.sql import SqlMemory
from akeso.domain.detection.anomaly import Anomaly, Severity
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import IncidentStatus
from akeso.domain.incident.memory import Memory
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.domain.messages import ConfigUpdate
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.ports.incident_list import IncidentFilter
from akeso.ports.journal import Draft
from akeso.testing.journal import AT, SECOND, Scribe

pytestmark = pytest.mark.xdist_group("postgresql")

NAN = float("nan")
SLOW = Anomaly(
    "a1", "acme", SeriesKey("acme", "cart", "latency", unit="ms"), Signal.LATENCY, AT, AT, 3.0, 900.0, NAN, NAN
)
RESTART = Step("s1", "restart", "cart", {"grace": "5"})
PLAN = Plan((Option("pb", (RESTART, Step("s2", "scale", "cart")), 0.8, Risk.LOW, True, timedelta(minutes=1)),))
ASKED = e.ApprovalRequested("s1", ("approver", "admin"), AT + 60 * SECOND)


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[SqlJournal]:
    journal = await SqlJournal.open(database_url)
    yield journal
    await journal.close()


async def rows(journal: SqlJournal, table: Table) -> list[Mapping[str, Any]]:
    ordered = select(table).order_by(*table.primary_key)
    async with journal.database.read() as connection:
        return [dict(row) for row in (await connection.execute(ordered)).mappings()]


async def planned(journal: SqlJournal, incident: str = "i1") -> Scribe:
    scribe = Scribe(journal, incident, "healer")
    await scribe.write(e.IncidentDetected("acme", "front", "slow", Severity.ERROR, AT, (SLOW,)))
    await scribe.write(e.AnalysisStarted(), AT + SECOND)
    await scribe.write(e.DiagnosisMade(Diagnosis((Hypothesis("cart", "crash", 0.75),), known=True)), AT + SECOND)
    await scribe.write(e.PlanMade(PLAN), AT + SECOND)
    return scribe


async def test_an_incident_is_one_row_that_follows_it(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    (row,) = await SqlIncidentList(journal.database).page(IncidentFilter("acme"))
    assert (row.id, row.service, row.type, row.confidence) == ("i1", "cart", "crash", 0.75)
    assert (row.status, row.severity, row.detected_at, row.resolved_at) == (IncidentStatus.ANALYZING, "ERROR", AT, None)
    assert row.metrics_snapshot == [
        {"service": "cart", "metric": "latency", "stat": "", "signal": "latency", "unit": "ms",
         "observed": 900.0, "expected": None}
    ]  # fmt: skip
    await scribe.write(e.IncidentResolved("it went away"), AT + 30 * SECOND)
    (row,) = await SqlIncidentList(journal.database).page(IncidentFilter("acme"))
    assert (row.resolved_at, row.ended_at, row.mttr_seconds) == (AT + 30 * SECOND, AT + 30 * SECOND, 30.0)
    await scribe.write(e.LessonLearned("m1", 28.5), AT + 31 * SECOND)
    (row,) = await SqlIncidentList(journal.database).page(IncidentFilter("acme"))
    assert (row.mttr_seconds, row.updated_at, row.why) == (28.5, AT + 31 * SECOND, "it went away")


async def test_an_action_shows_what_was_proposed_decided_and_done(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    assert [(a["step"], a["proposed_action"], a["agl_decision"]) for a in await rows(journal, t.healing_actions)] == [
        ("s1", "restart(cart, grace=5)", "PENDING"),
        ("s2", "scale(cart)", "PENDING"),
    ]
    await scribe.write(e.PolicyDecided("s1", "allow", "trusted"))
    await scribe.write(e.ActionIntended("s1", "k"), AT + 2 * SECOND)
    await scribe.write(e.ActionApplied("s1", "k", "restarted"), AT + 3 * SECOND)
    await scribe.write(e.PolicyDecided("s2", "deny", "freeze", "not now"))
    first, second = await rows(journal, t.healing_actions)
    assert (first["agl_decision"], first["approved_action"], first["policy"]) == (
        "APPROVED", "restart(cart, grace=5)", "trusted",
    )  # fmt: skip
    assert (first["status"], first["result"], first["executed_at"]) == ("applied", "restarted", AT + 3 * SECOND)
    assert (second["agl_decision"], second["approved_action"], second["result"]) == ("DENIED", None, "not now")


async def test_a_modified_action_keeps_what_was_proposed(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    smaller = replace(RESTART, parameters={"grace": "60"})
    await scribe.write(e.PolicyDecided("s1", "modify", "gentle", "softer", instead=smaller))
    action = (await rows(journal, t.healing_actions))[0]
    assert (action["agl_decision"], action["proposed_action"], action["approved_action"]) == (
        "MODIFIED", "restart(cart, grace=5)", "restart(cart, grace=60)",
    )  # fmt: skip


async def test_an_approval_waits_until_somebody_answers(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    await scribe.write(e.PolicyDecided("s1", "ask", "careful"))
    await scribe.write(ASKED, AT + 2 * SECOND)
    waiting = PendingApproval(
        "i1", "s1", "cart", "restart(cart, grace=5)", ("approver", "admin"), AT + 2 * SECOND, AT + 60 * SECOND
    )
    assert list(await journal.pending_approvals(AT + 59 * SECOND)) == [waiting]
    assert list(await journal.pending_approvals(AT + 60 * SECOND)) == []
    await scribe.write(e.ApprovalGranted("s1", "ann", "approver", dry_run=True))
    await scribe.write(e.ActionPreviewed("s1", "would restart cart"))
    assert list(await journal.pending_approvals(AT)) == [waiting]
    await scribe.write(e.ApprovalGranted("s1", "ann", "approver", dry_run=False, comment="go"), AT + 9 * SECOND)
    assert list(await journal.pending_approvals(AT)) == []
    (approval,) = await rows(journal, t.approvals)
    assert (approval["decision"], approval["decided_by"], approval["role"], approval["comment"]) == (
        "APPROVED", "ann", "approver", "go",
    )  # fmt: skip
    assert approval["decided_at"] == AT + 9 * SECOND


@pytest.mark.parametrize(
    ("answer", "decision", "action"),
    [
        (e.ApprovalRejected("s1", "ann", "approver", "too risky"), "REJECTED", "DENIED"),
        (e.ApprovalExpired("s1"), "EXPIRED", "DENIED"),
    ],
)
async def test_a_refused_approval_no_longer_waits(
    journal: SqlJournal, answer: e.Event, decision: str, action: str
) -> None:
    scribe = await planned(journal)
    await scribe.write(ASKED)
    await scribe.write(answer)
    assert [a["decision"] for a in await rows(journal, t.approvals)] == [decision]
    assert (await rows(journal, t.healing_actions))[0]["agl_decision"] == action
    assert list(await journal.pending_approvals(AT)) == []


async def test_a_step_that_is_asked_again_waits_again(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    await scribe.write(ASKED)
    await scribe.write(e.ApprovalGranted("s1", "ann", "approver", dry_run=False))
    await scribe.write(replace(ASKED, expires_at=AT + 90 * SECOND))
    (approval,) = await journal.pending_approvals(AT)
    assert approval.expires_at == AT + 90 * SECOND
    (row,) = await rows(journal, t.approvals)
    assert (row["decided_by"], row["decided_at"]) == ("", None)


async def test_nothing_waits_in_an_incident_that_ended(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    await scribe.write(ASKED)
    await scribe.write(e.IncidentResolved("by itself"))
    assert list(await journal.pending_approvals(AT)) == []


async def test_every_line_is_in_the_audit_log(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    await scribe.write(e.PolicyDecided("s1", "deny", "freeze", "not\x00now"), AT + 5 * SECOND)
    assert [line.what for line in await journal.audit()] == [
        "IncidentDetected", "AnalysisStarted", "DiagnosisMade", "PlanMade", "PolicyDecided",
    ]  # fmt: skip
    assert list(await journal.audit(limit=1, after=4)) == [
        AuditLine(5, AT + 5 * SECOND, "healer", "PolicyDecided", "i1", "s1 · deny · not\ufffdnow")
    ]


async def test_feedback_and_configuration_have_tables(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    await scribe.write(e.FeedbackGiven("ann", False, "db", "crash", "it was the database"))
    await journal.append(Draft("", e.EffectsSuspended("ann", "storm"), "ann", AT))
    await journal.append(Draft("", e.EffectsResumed("ann"), "ann", AT, 6))
    await journal.record_config(ConfigUpdate("threshold", "2.5", AT, "healer", "drift"))
    (said,) = await rows(journal, t.feedback)
    assert (said["incident"], said["given_by"], said["helpful"], said["fault_class"]) == ("i1", "ann", False, "crash")
    history = [(c["name"], c["value"], c["changed_by"], c["reason"]) for c in await rows(journal, t.config_history)]
    assert history == [
        ("effects", "suspended", "ann", "storm"),
        ("effects", "running", "ann", ""),
        ("threshold", "2.5", "healer", "drift"),
    ]


async def test_the_time_to_repair_is_summed_up(journal: SqlJournal) -> None:
    assert await journal.mttr() == Mttr(0)
    for n, seconds in enumerate((10, 20, 60)):
        scribe = Scribe(journal, f"i{n}")
        await scribe.detect(AT + n * SECOND)
        await scribe.write(e.IncidentResolved("gone"), AT + (n + seconds) * SECOND)
    given_up = Scribe(journal, "x")
    await given_up.detect()
    await given_up.write(e.IncidentEscalated("?"), AT + 999 * SECOND)
    assert await journal.mttr() == Mttr(3, 30.0, 20.0, 60.0)
    assert await journal.mttr(AT + 2 * SECOND) == Mttr(1, 60.0, 60.0, 60.0)


async def test_every_event_finds_its_place(journal: SqlJournal) -> None:
    scribe = await planned(journal)
    await scribe.write(e.AnomaliesAttached((replace(SLOW, id="a2"),)))
    await scribe.write(e.PolicyDecided("s1", "allow", "p"))
    await scribe.write(e.ActionIntended("s1", "k", {"was": "1"}))
    await scribe.write(e.ActionUncertain("s1", "k", "time-out"))
    await scribe.write(e.UndoIntended("s1", "k"))
    await scribe.write(e.ActionUndone("s1", "k", "as before"))
    await scribe.write(e.VerificationStarted((e.Watch("cart", "latency"),), AT + SECOND))
    await scribe.write(e.VerificationMade(Recovery.NOT_RECOVERED, "still slow", {"p95": 900.0}))
    await scribe.write(e.OptionAbandoned("did not help"))
    await scribe.write(e.IncidentFailed("no option left"))
    assert len(await journal.audit()) == 14
    assert (await rows(journal, t.healing_actions))[0]["status"] == "undone"
    (row,) = await SqlIncidentList(journal.database).page(IncidentFilter("acme"))
    assert (row.status, len(row.metrics_snapshot), row.resolved_at) == (IncidentStatus.FAILED, 2, None)


async def test_memories_are_counted_by_fault_class_and_action(tmp_path: Path) -> None:
    journal = await SqlJournal.open(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}")
    memory = await SqlMemory.open(journal.database, HashedEmbedder())
    for number, recovery in enumerate((Recovery.RECOVERED, Recovery.NOT_RECOVERED, Recovery.RECOVERED)):
        await memory.remember(
            Memory(f"m{number}", "t", f"i{number}", AT, "cart", "crash", (), "cart crashed", "restart", recovery)
        )
    await memory.remember(Memory("m9", "other", "i9", AT, "cart", "crash", (), "cart crashed", "restart"))
    assert await journal.outcomes("t") == [OutcomeCount("crash", "restart", 3, 2)]
    assert await journal.statuses("t") == {}
    await journal.close()
