"""What the visitors remember: their visits, the orders they wait for, and when the shop turned well or unwell."""

from collections import deque
from dataclasses import asdict
from typing import Any

from akeso.lab.load.verdict import Band, Verdict, Visit, judge, learn

REMEMBERED_S = 600.0
GIVEN_UP_AFTER_S = 60.0


class VisitorLog:
    """State of the visitors; all times are passed in."""

    def __init__(self) -> None:
        self.visits: deque[Visit] = deque()
        self.waiting: dict[str, float] = {}
        self.lost_orders = 0
        self.band = Band()
        self.learnt_at: float | None = None
        self._ages: list[float] = []
        self._learning: tuple[float, float] | None = None
        self._turns: deque[tuple[float, bool]] = deque(maxlen=2000)
        self._verdict: Verdict | None = None

    def learn_for(self, seconds: float, now: float) -> None:
        """What is seen from now on, for so long, is calm: then the band is set from it."""
        self._learning = (now, now + seconds)
        self._ages.clear()
        self.learnt_at = None

    def _learn(self, oldest_order_s: float, now: float) -> None:
        if self._learning is None:
            return
        since, until = self._learning
        self._ages.append(oldest_order_s)
        if now >= until:
            self.band = learn([visit for visit in self.visits if visit.due >= since], self._ages)
            self._learning = None
            self.learnt_at = now

    def look(self, now: float) -> Verdict:
        """Judge, remember a turn, forget what is old."""
        while self.visits and self.visits[0].due < now - REMEMBERED_S:
            self.visits.popleft()
        for order in [order for order, placed in self.waiting.items() if placed < now - GIVEN_UP_AFTER_S]:
            del self.waiting[order]
            self.lost_orders += 1
        oldest = now - min(self.waiting.values()) if self.waiting else 0.0
        self._learn(oldest, now)
        recent: list[Visit] = []
        for visit in reversed(self.visits):
            if visit.due < now - 10.0:
                break
            recent.append(visit)
        verdict = judge(recent, oldest, self.band, now)
        if self._verdict is None or verdict.healthy != self._verdict.healthy:
            self._turns.append((now, verdict.healthy))
        self._verdict = verdict
        return verdict

    def view(self, now: float) -> dict[str, Any]:
        """The present view as JSON: `turns` lists `[time, healthy]`."""
        verdict = self.look(now)
        return {
            "now": now,
            "healthy": verdict.healthy,
            "since": self._turns[-1][0],
            "learnt_at": self.learnt_at,
            "reasons": list(verdict.reasons),
            "journeys": {name: asdict(view) for name, view in verdict.journeys.items()},
            "oldest_order_s": verdict.oldest_order_s,
            "fulfilment_bound_s": self.band.fulfilment_s,
            "lost_orders": self.lost_orders,
            "turns": [list(turn) for turn in list(self._turns)[-200:]],
        }

    def seconds(self, now: float, last: int) -> list[dict[str, Any]]:
        """Requests, errors and worst latency of each of the `last` seconds."""
        start = int(now) - last
        rows: dict[int, dict[str, Any]] = {
            second: {"second": second, "requests": 0, "errors": 0, "worst_ms": 0.0} for second in range(start, int(now))
        }
        for visit in self.visits:
            row = rows.get(int(visit.due))
            if row is not None:
                row["requests"] += 1
                row["errors"] += visit.failed
                row["worst_ms"] = max(row["worst_ms"], 1000 * visit.latency(now))
        return list(rows.values())
