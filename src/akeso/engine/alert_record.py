"""Keeps the alert ledger: joins what is told of an alert with what was known of it."""

from dataclasses import replace
from datetime import UTC, datetime

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity, identity
from akeso.domain.incident.search_words import contains, search_words
from akeso.ports.alert_ledger import AlertFilter, AlertLedger, AlertSort

_BEGINS = frozenset({Fate.OPENED, Fate.ATTACHED, Fate.FIRED_AGAIN, Fate.REOPENED, Fate.HELD, Fate.SILENCED, Fate.NOTED})


async def record_alert(ledger: AlertLedger, new: AlertTrace, *, told: bool = True) -> AlertTrace:
    """Writes down what became of an alert now. told: somebody told it just now; else it only waited until now."""
    known = await ledger.find(identity(new.alert))
    trace = new if known is None else _joined(known, new, told=told)
    await ledger.note(trace)
    return trace


def _joined(known: AlertTrace, new: AlertTrace, *, told: bool) -> AlertTrace:
    ended = new.alert.status is AlertStatus.RESOLVED
    # Whoever says that it ends often says no more of it than that.
    alert = replace(known.alert, status=AlertStatus.RESOLVED, ends_at=new.alert.ends_at) if ended else new.alert
    begins = new.fate in _BEGINS and known.alert.status is AlertStatus.RESOLVED and not ended
    return replace(
        new,
        alert=alert,
        first_at=known.first_at,
        incident=new.incident or known.incident,
        times=known.times + told,
        firings=known.firings + begins,
        last_at=new.last_at if told else known.last_at,
    )


class MemoryAlertLedger:
    """An AlertLedger that forgets with the process: for replays and tests."""

    def __init__(self) -> None:
        self._traces: dict[Identity, AlertTrace] = {}

    async def note(self, trace: AlertTrace) -> None:
        self._traces[identity(trace.alert)] = trace

    async def find(self, alert: Identity) -> AlertTrace | None:
        return self._traces.get(alert)

    async def waiting(self) -> list[AlertTrace]:
        return sorted((t for t in self._traces.values() if t.fate.waits), key=lambda t: t.first_at)

    async def traces(self, wanted: AlertFilter) -> list[AlertTrace]:
        found = sorted(self._traces.values(), key=lambda t: place(t, wanted.sort), reverse=wanted.descending)
        return [t for t in found if _fits(t, wanted)][: wanted.limit]


def place(trace: AlertTrace, sort: AlertSort = AlertSort.LAST) -> tuple[str, str, str]:
    """Where a trace stands in a list that is sorted so."""
    _, source, fingerprint = identity(trace.alert)
    match sort:
        case AlertSort.LAST:
            return instant_place(trace.last_at), source, fingerprint
        case AlertSort.FIRST:
            return instant_place(trace.first_at), source, fingerprint
        case AlertSort.SEVERITY:
            return severity_place(trace.alert.severity), source, fingerprint


def instant_place(at: datetime) -> str:
    """An instant as text that sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def severity_place(severity: Severity) -> str:
    """A severity as text, the worst last."""
    return str(int(severity))


def alert_words(alert: Alert) -> tuple[str, ...]:
    """What an alert can be found by in full-text search."""
    return search_words((alert.fingerprint, alert.title, alert.service, *(value for _, value in alert.labels)))


def _fits(trace: AlertTrace, wanted: AlertFilter) -> bool:
    alert = trace.alert
    fits = (
        alert.tenant == wanted.tenant,
        wanted.service in {"", alert.service},
        wanted.source in {"", alert.source},
        wanted.fingerprint in {"", alert.fingerprint},
        not wanted.severities or alert.severity in wanted.severities,
        wanted.fate in {None, trace.fate},
        wanted.incident in {"", trace.incident},
        wanted.firing in {None, alert.status is AlertStatus.FIRING},
        wanted.since is None or trace.last_at >= wanted.since,
        wanted.until is None or trace.last_at < wanted.until,
        set(wanted.labels) <= set(alert.labels),
        not wanted.text or contains(alert_words(alert), search_words([wanted.text])),
        wanted.after is None or _follows(place(trace, wanted.sort), wanted.after, descending=wanted.descending),
    )
    return all(fits)


def _follows(here: tuple[str, str, str], after: tuple[str, str, str], *, descending: bool) -> bool:
    return here < after if descending else here > after
