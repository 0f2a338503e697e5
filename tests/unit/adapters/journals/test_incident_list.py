"""Lists of incidents, in SQL: every filter, every order, pages that meet, words that are found."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from akeso.adapters.journals.incident_list import SqlIncidentList
from akeso.adapters.journals.sql import SqlJournal
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.incident import events as e
from akeso.domain.incident import person_events as p
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import IncidentStatus
from akeso.ports.incident_list import IncidentFilter, IncidentPlace, IncidentSort
from akeso.testing.journal import AT, SECOND, Scribe, raised

pytestmark = pytest.mark.xdist_group("postgresql")


def alert(fingerprint: str, service: str, *labels: tuple[str, str]) -> Alert:
    title = f"{service} is späť"
    return Alert("t", fingerprint, "pager", service, title, Severity.WARNING, AlertStatus.FIRING, AT, labels=labels)


async def told(journal: SqlJournal, incident: str, severity: Severity, *alerts: Alert, tenant: str = "t") -> Scribe:
    scribe = Scribe(journal, incident)
    onset = AT - int(incident[1:]) * SECOND
    detected = e.IncidentDetected(tenant, alerts[0].service, f"{incident} began", severity, onset, alerts=alerts)
    await scribe.write(detected, AT + int(incident[1:]) * SECOND)
    return scribe


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[SqlJournal]:
    """Four incidents of one tenant and one of another."""
    journal = await SqlJournal.open(database_url)
    one = await told(journal, "i1", Severity.ERROR, alert("prod/db-1:disk", "db", ("team", "data"), ("zone", "a")))
    two = await told(journal, "i2", Severity.CRITICAL, alert("F2", "cart", ("team", "shop")))
    three = await told(journal, "i3", Severity.INFO, alert("F3", "cart", ("team", "data")))
    await told(journal, "i4", Severity.ERROR, alert("F4", "api"))
    await told(journal, "i5", Severity.ERROR, alert("F5", "api"), tenant="other")
    await one.write(e.AlertAttached(alert("F1b", "api", ("team", "edge"))), AT + 20 * SECOND)
    await two.write(e.AnalysisStarted(), AT + 10 * SECOND)
    await two.write(e.DiagnosisMade(Diagnosis((Hypothesis("db", "disk_full", 0.7),), known=True)), AT + 10 * SECOND)
    await two.write(p.IncidentAssigned("ann", "bob"), AT + 10 * SECOND)
    await three.write(p.IncidentAcknowledged("bob", "the nightly Ärger again"), AT + 11 * SECOND)
    await three.write(p.IncidentClosed("bob", p.CloseReason.KNOWN), AT + 12 * SECOND)
    yield journal
    await journal.close()


async def found(journal: SqlJournal, **wanted: Any) -> str:
    rows = await SqlIncidentList(journal.database).page(IncidentFilter("t", **wanted))
    return "".join(row.id[1:] for row in rows)


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "4321"),
    ({"descending": False}, "1234"),
    ({"services": ("api",)}, "41"),
    ({"services": ("db", "cart")}, "321"),
    ({"kinds": ("disk_full",)}, "2"),
    ({"severities": (Severity.CRITICAL, Severity.INFO)}, "32"),
    ({"statuses": (IncidentStatus.CLOSED,)}, "3"),
    ({"open": True}, "421"),
    ({"owners": ("bob",)}, "32"),
    ({"since": AT + 2 * SECOND, "until": AT + 4 * SECOND}, "32"),
    ({"labels": (("team", "data"),)}, "31"),
    ({"labels": (("team", "data"), ("zone", "a"))}, "1"),
    ({"labels": (("team", "edge"),)}, "1"),
    ({"fingerprint": "F1b"}, "1"),
    ({"fingerprint": "f1B"}, ""),
    ({"sort": IncidentSort.SEVERITY}, "2413"),
    ({"sort": IncidentSort.SERVICE, "descending": False}, "4312"),
    ({"sort": IncidentSort.UPDATED}, "1324"),
    ({"sort": IncidentSort.ONSET}, "1234"),
    ({"limit": 2}, "43"),
]
TEXTS = {
    "prod/db-1:disk": "1",  # as a sender's dedup_key is written
    "f2": "2",
    "disk full": "2",
    "ärger": "3",
    "arger": "",
    "SPÄŤ": "4321",
    "beg i4": "4",
    "bob": "32",
    "egan": "",
    '" OR i1*': "",
    "%": "",
}


async def test_every_filter_and_order_holds(journal: SqlJournal) -> None:
    assert [(wanted, await found(journal, **wanted)) for wanted, _ in FILTERS] == FILTERS


async def test_words_are_found_by_their_beginnings(journal: SqlJournal) -> None:
    assert {text: await found(journal, text=text) for text in TEXTS} == TEXTS


async def test_pages_meet_in_every_order(journal: SqlJournal) -> None:
    incidents = SqlIncidentList(journal.database)
    for sort, descending in product(IncidentSort, [True, False]):
        seen = ""
        wanted = IncidentFilter("t", sort=sort, descending=descending, limit=1)
        while page := await incidents.page(wanted):
            seen += "".join(row.id[1:] for row in page)
            wanted = replace(wanted, after=page[-1].place(sort))
        assert seen == await found(journal, sort=sort, descending=descending)


async def test_a_place_of_another_list_is_refused(journal: SqlJournal) -> None:
    for sort in (IncidentSort.SEVERITY, IncidentSort.UPDATED):
        wanted = IncidentFilter("t", sort=sort, after=IncidentPlace("yesterday", 1))
        assert "cursor" in str(await raised(InvalidInput, SqlIncidentList(journal.database).page(wanted)))


async def test_what_was_split_off_no_longer_marks_the_incident(journal: SqlJournal) -> None:
    scribe = Scribe(journal, "i6")
    both = (alert("F6", "db"), alert("F7", "mail", ("team", "post")))
    await scribe.write(e.IncidentDetected("t", "db", "two things", Severity.ERROR, AT, alerts=both))
    assert (await found(journal, labels=(("team", "post"),)), await found(journal, text="F7")) == ("6", "6")
    await scribe.write(p.IncidentSplit("ann", "i7", ("mail",)))
    assert (await found(journal, labels=(("team", "post"),)), await found(journal, text="F7")) == ("", "")
