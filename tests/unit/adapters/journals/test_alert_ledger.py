"""The alert ledger, in memory and in SQL: one line an alert, found again by identity, page and word."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from akeso.adapters.journals.alert_ledger import SqlAlertLedger
from akeso.adapters.journals.sql import SqlJournal
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.incident.alert_trace import AlertTrace, Fate, identity
from akeso.engine.alert_record import MemoryAlertLedger, place, record_alert
from akeso.ports.alert_ledger import AlertFilter, AlertLedger, AlertSort
from akeso.testing.journal import AT, SECOND

pytestmark = pytest.mark.xdist_group("postgresql")

ALERT = Alert("t", "f1", "alertmanager", "cart", "Cart_Slow 100%", Severity.ERROR, AlertStatus.FIRING, AT)


@pytest.fixture(params=["memory", "sql"])
async def ledger(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[AlertLedger]:
    if request.param == "memory":
        yield MemoryAlertLedger()
        return
    journal = await SqlJournal.open(database_url)
    yield SqlAlertLedger(journal.database)
    await journal.close()


def trace(alert: Alert, fate: Fate, after_s: float = 0, incident: str = "") -> AlertTrace:
    at = AT + timedelta(seconds=after_s)
    return AlertTrace(alert, fate, "", incident, at, at)


async def test_what_is_told_again_is_counted_on_one_line(ledger: AlertLedger) -> None:
    ended = replace(ALERT, status=AlertStatus.RESOLVED, service="unknown", ends_at=AT + 2 * SECOND)
    for told in (trace(ALERT, Fate.OPENED, 0, "i1"), trace(ALERT, Fate.RESENT, 1, "i1"), trace(ended, Fate.ENDED, 2),
                 trace(ALERT, Fate.REOPENED, 3, "i1")):  # fmt: skip
        await record_alert(ledger, told)
    known = await ledger.find(identity(ALERT))
    assert known is not None
    assert (known.times, known.firings, known.incident, known.alert.service) == (4, 2, "i1", "cart")
    assert (known.first_at, known.last_at) == (AT, AT + 3 * SECOND)


async def test_those_that_wait_are_found_after_a_restart(ledger: AlertLedger) -> None:
    for n, fate in enumerate([Fate.HELD, Fate.OPENED, Fate.SILENCED]):
        await record_alert(ledger, trace(replace(ALERT, fingerprint=f"f{n}"), fate, n))
    assert [t.alert.fingerprint for t in await ledger.waiting()] == ["f0", "f2"]


async def test_pages_go_on_where_the_one_before_ended(ledger: AlertLedger) -> None:
    for n in range(5):
        await record_alert(ledger, trace(replace(ALERT, fingerprint=f"f{n}"), Fate.OPENED, n // 2))
    await record_alert(ledger, trace(replace(ALERT, tenant="other"), Fate.OPENED, 9))
    seen: list[str] = []
    before = None
    while page := await ledger.traces(AlertFilter("t", after=before, limit=2)):
        seen += [t.alert.fingerprint for t in page]
        before = place(page[-1])
    assert seen == ["f4", "f3", "f2", "f1", "f0"]


async def test_words_are_taken_as_they_are(ledger: AlertLedger) -> None:
    await record_alert(ledger, trace(ALERT, Fate.OPENED))
    found = {
        text: len(await ledger.traces(AlertFilter("t", text=text)))
        for text in ("cart_slow", "SLOW 100%", "car", "art", "c_rt", "%x", "%", "' OR 1")
    }
    assert found == {"cart_slow": 1, "SLOW 100%": 1, "car": 1, "art": 0, "c_rt": 0, "%x": 0, "%": 0, "' OR 1": 0}


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"labels": (("team", "a"),)}, "ca"),
    ({"labels": (("team", "a"), ("zone", "1"))}, "c"),
    ({"severities": (Severity.CRITICAL, Severity.INFO)}, "b"),
    ({"source": "pager"}, "b"),
    ({"fingerprint": "a"}, "a"),
    ({"service": "db"}, "c"),
    ({"since": AT + SECOND, "until": AT + 2 * SECOND}, "b"),
    ({"firing": False}, "c"),
    ({"sort": AlertSort.SEVERITY}, "bca"),
    ({"sort": AlertSort.FIRST, "descending": False}, "abc"),
]


async def test_every_filter_and_sort_holds(ledger: AlertLedger) -> None:
    alerts = (
        replace(ALERT, fingerprint="a", labels=(("team", "a"),), severity=Severity.WARNING),
        replace(ALERT, fingerprint="b", source="pager", severity=Severity.CRITICAL),
        replace(ALERT, fingerprint="c", service="db", labels=(("team", "a"), ("zone", "1")),
                status=AlertStatus.RESOLVED),
    )  # fmt: skip
    for n, alert in enumerate(alerts):
        await record_alert(ledger, trace(alert, Fate.OPENED, n))
    for wanted, found in FILTERS:
        assert "".join(t.alert.fingerprint for t in await ledger.traces(AlertFilter("t", **wanted))) == found, wanted


async def test_an_alert_whose_labels_changed_is_found_by_the_new_ones_only(ledger: AlertLedger) -> None:
    for team in ("red", "blue"):
        await record_alert(ledger, trace(replace(ALERT, labels=(("team", team),)), Fate.OPENED))
    found = {
        team: len(await ledger.traces(AlertFilter("t", labels=(("team", team),), text=text)))
        for team in ("red", "blue")
        for text in ("", team)
    }
    assert found == {"red": 0, "blue": 1}
