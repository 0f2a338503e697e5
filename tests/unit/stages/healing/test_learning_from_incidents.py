"""What incidents say afterwards of their diagnoses, and `akeso learn calibrate` on a real journal."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from akeso.adapters.journals.sql import SqlJournal
from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.faces import cli
from akeso.ports.journal import Draft
from akeso.stages.diagnosis.calibration_file import load_calibration, shipped
from akeso.stages.healing.hindsight import BY_OUTCOME, BY_PEOPLE, hindsight
from akeso.testing.journal import AT, SECOND


def diagnosed(*services: str, odds: float = 2.0) -> e.DiagnosisMade:
    hypotheses = tuple(Hypothesis(service, "crash", 0.9 / n) for n, service in enumerate(services, 1))
    return e.DiagnosisMade(Diagnosis(hypotheses, True, "", (), {"odds": odds, "support": odds}))


def healing(*targets: str) -> list[e.Event]:
    """A restart of each target in turn; all but the last did not help."""
    options = tuple(
        Option(f"o{n}", (Step(f"s{n}", "restart", target),), 0.5, Risk.LOW, False, timedelta(seconds=30), "")
        for n, target in enumerate(targets)
    )
    found: list[e.Event] = [e.PlanMade(Plan(options))]
    for n, _ in enumerate(targets):
        found += [
            e.PolicyDecided(f"s{n}", "allow", "test"),
            e.ActionIntended(f"s{n}", f"k{n}"),
            e.ActionApplied(f"s{n}", f"k{n}"),
            e.VerificationStarted((), AT + 60 * SECOND),
        ]
        last = n == len(targets) - 1
        found.append(e.VerificationMade(Recovery.RECOVERED if last else Recovery.NOT_RECOVERED, "seen"))
        found.append(e.IncidentResolved("well") if last else e.OptionAbandoned("did not help"))
    return found


def entries(*events: e.Event, name: str = "i") -> list[e.Entry]:
    opened = e.IncidentDetected("default", "cart", "cart hurts", Severity.ERROR, AT)
    return [e.Entry(n, name, AT + n * SECOND, "test", event) for n, event in enumerate((opened, *events), 1)]


def right(*events: e.Event) -> bool | None:
    found = hindsight(entries(*events))
    return found.right if found else None


def test_recovery_after_acting_on_the_named_service_says_right() -> None:
    assert right(diagnosed("cart", "door"), *healing("cart")) is True


def test_recovery_by_another_suspect_after_the_named_one_was_in_vain_says_wrong() -> None:
    assert right(diagnosed("cart", "door"), *healing("cart", "door")) is False


def test_what_recovered_otherwise_says_nothing() -> None:
    assert right(diagnosed("cart", "door"), *healing("fallback")) is None
    assert right(diagnosed("cart"), e.IncidentResolved("recovered by itself")) is None
    assert right(*healing("cart")) is None


def test_the_last_word_of_a_person_beats_every_outcome() -> None:
    healed = (diagnosed("cart", "door"), *healing("cart"))
    assert right(*healed, e.FeedbackGiven("ann", helpful=False)) is False
    assert right(*healed, e.FeedbackGiven("ann", helpful=True, service="door")) is False
    assert right(*healed, e.FeedbackGiven("ann", helpful=False), e.FeedbackGiven("bob", helpful=True)) is True


def test_the_diagnosis_that_was_acted_upon_counts() -> None:
    acted = [diagnosed("door"), diagnosed("cart"), *healing("cart")]
    found = hindsight(entries(*acted))
    assert found is not None
    assert (found.right, found.set, found.group) == (True, BY_OUTCOME, "cart/crash")
    judged = hindsight(entries(diagnosed("cart"), e.FeedbackGiven("ann", helpful=True)))
    assert judged is not None
    assert judged.set == BY_PEOPLE


def test_a_diagnosis_of_before_grounds_were_kept_says_nothing() -> None:
    old = e.DiagnosisMade(Diagnosis((Hypothesis("cart", "crash", 0.9),), True))
    assert right(old, e.FeedbackGiven("ann", helpful=True)) is None


def write_journal(folder: Path, incidents: Iterable[Sequence[e.Entry]]) -> None:
    async def write() -> None:
        journal = await SqlJournal.open(f"sqlite+aiosqlite:///{folder / 'akeso.db'}")
        for each in incidents:
            state: Incident | None = None
            last = 0
            for entry in each:
                state = evolve(state, entry)
                draft = Draft(entry.incident, entry.event, "test", entry.at, expected=last, state=state)
                last = (await journal.append(draft)).sequence
        await journal.close()

    asyncio.run(write())


def judged(number: int, *, odds: float, helpful: bool) -> list[e.Entry]:
    """An incident whose diagnosis a person judged."""
    services = (f"s{number % 7}", "door")
    return entries(diagnosed(*services, odds=odds), e.FeedbackGiven("ann", helpful=helpful), name=f"i{number}")


def calibrate(folder: Path, *more: str) -> Any:
    return CliRunner().invoke(cli.build("learn"), ["learn", "calibrate", "--data", str(folder), *more])


def test_own_incidents_move_the_scale_and_the_file_is_used_again(tmp_path: Path) -> None:
    # Very sure diagnoses that are wrong half of the time: the shipped scale is too sure for this house.
    write_journal(tmp_path, [judged(n, odds=8.0, helpful=n % 2 == 0) for n in range(60)])
    done = calibrate(tmp_path, "--json")
    assert done.exit_code == 0, done.output + repr(done.exception)
    report = json.loads(done.stdout)
    assert (report["cases"], report["by_people"]) == (60, 60)
    assert report["after"]["calibration_error"] < report["before"]["calibration_error"]
    scale, grounds = load_calibration(Path(report["written"])), {"odds": 8.0, "support": 8.0}
    assert scale.probability(grounds) < shipped().probability(grounds)
    table = calibrate(tmp_path).stdout
    assert "calibration error" in table
    assert "akeso.toml" in table


def test_few_incidents_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    write_journal(tmp_path, [judged(n, odds=2.0, helpful=True) for n in range(5)])
    bad = calibrate(tmp_path).exception
    assert isinstance(bad, InvalidInput)
    assert "5 right, 0 wrong" in str(bad)
    assert not (tmp_path / "calibration.json").exists()


def test_a_folder_without_a_journal_is_refused(tmp_path: Path) -> None:
    assert isinstance(calibrate(tmp_path).exception, NotFound)
    assert not list(tmp_path.iterdir())
