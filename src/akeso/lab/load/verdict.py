"""Is the shop healthy? Judged from the visitors' requests alone, in a short window that ends now.

A request counts at the time it was due, whenever it was answered, so a stalled shop cannot hide behind requests
that were never sent (no coordinated omission). One that is still open counts as slow once it is late.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

WINDOW_S = 3.0
ERROR_RATIO = 0.02
SLOW_RATIO = 0.05
LATENCY_FACTOR = 1.5
LATENCY_MARGIN_S = 0.05
FULFILMENT_MARGIN_S = 2.0
BOUND_BEFORE_LEARNT_S = 0.6
FULFILMENT_BEFORE_LEARNT_S = 5.0


@dataclass(slots=True)
class Visit:
    """One request: due at `due`, answered at `ended` (None while open). Times are seconds since the epoch."""

    journey: str
    due: float
    ended: float | None = None
    failed: bool = False

    def latency(self, now: float) -> float:
        """Seconds from when it was due until its answer, or until now."""
        return (now if self.ended is None else self.ended) - self.due


@dataclass(frozen=True, slots=True)
class Band:
    """What is still healthy, learnt from a calm time."""

    latency_s: Mapping[str, float] = field(default_factory=dict)
    fulfilment_s: float = FULFILMENT_BEFORE_LEARNT_S

    def bound(self, journey: str) -> float:
        """The latency that at most a twentieth of a journey's requests may pass."""
        return self.latency_s.get(journey, BOUND_BEFORE_LEARNT_S)


@dataclass(frozen=True, slots=True)
class JourneyView:
    """One journey in the window."""

    requests: int
    errors: int
    slow: int
    p95_ms: float
    bound_ms: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` is empty exactly when the shop is healthy."""

    journeys: Mapping[str, JourneyView]
    oldest_order_s: float
    reasons: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether every journey and the fulfilment are within their bands."""
        return not self.reasons


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def learn(visits: Iterable[Visit], order_ages: Sequence[float]) -> Band:
    """The band around what was seen in a calm time."""
    by_journey: dict[str, list[float]] = {}
    for visit in visits:
        if visit.ended is not None and not visit.failed:
            by_journey.setdefault(visit.journey, []).append(visit.ended - visit.due)
    bounds = {
        journey: LATENCY_FACTOR * quantile(latencies, 0.95) + LATENCY_MARGIN_S
        for journey, latencies in by_journey.items()
    }
    return Band(bounds, quantile(order_ages, 0.95) + FULFILMENT_MARGIN_S)


def judge(visits: Iterable[Visit], oldest_order_s: float, band: Band, now: float) -> Verdict:
    """The verdict on the window of `WINDOW_S` seconds before `now`."""
    grouped: dict[str, list[Visit]] = {}
    for visit in visits:
        if now - WINDOW_S < visit.due <= now:
            grouped.setdefault(visit.journey, []).append(visit)
    views = {journey: _view(found, band.bound(journey), now) for journey, found in sorted(grouped.items())}
    reasons = []
    requests, errors = sum(v.requests for v in views.values()), sum(v.errors for v in views.values())
    # A single error or slow request among few is no ratio; two are.
    if errors > max(1.0, ERROR_RATIO * requests):
        reasons.append(f"{errors} of {requests} requests failed")
    for journey, view in views.items():
        if view.slow > max(1.0, SLOW_RATIO * view.requests):
            reasons.append(f"{journey}: {view.slow} of {view.requests} slower than {view.bound_ms:.0f} ms")
    if oldest_order_s > band.fulfilment_s:
        reasons.append(f"an order waits for {oldest_order_s:.1f} s")
    return Verdict(views, oldest_order_s, tuple(reasons))


def _view(visits: Sequence[Visit], bound_s: float, now: float) -> JourneyView:
    latencies = [visit.latency(now) for visit in visits]
    known = [visit.latency(now) for visit in visits if visit.ended is not None]
    return JourneyView(
        requests=len(visits),
        errors=sum(visit.failed for visit in visits),
        slow=sum(latency > bound_s for latency in latencies),
        p95_ms=1000 * quantile(known, 0.95),
        bound_ms=1000 * bound_s,
    )
