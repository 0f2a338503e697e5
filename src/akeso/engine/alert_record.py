"""Keeps the alert ledger: joins what is told of an alert with what was known of it."""

from dataclasses import replace

from akeso.domain.detection.anomaly import AlertStatus
from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity, identity
from akeso.ports.alert_ledger import AlertFilter, AlertLedger

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
        found = sorted(self._traces.values(), key=place, reverse=True)
        return [t for t in found if _fits(t, wanted)][: wanted.limit]


def place(trace: AlertTrace) -> tuple[str, str, str]:
    """Where a trace stands in the list: by the last that was told of it."""
    _, source, fingerprint = identity(trace.alert)
    return trace.last_at.isoformat(timespec="microseconds"), source, fingerprint


def _fits(trace: AlertTrace, wanted: AlertFilter) -> bool:
    alert = trace.alert
    fits = (
        alert.tenant == wanted.tenant,
        wanted.service in {"", alert.service},
        wanted.fate in {None, trace.fate},
        wanted.incident in {"", trace.incident},
        wanted.firing in {None, alert.status is AlertStatus.FIRING},
        wanted.text.lower() in f"{alert.title} {alert.service} {alert.fingerprint}".lower(),
        wanted.before is None or place(trace) < wanted.before,
    )
    return all(fits)
