"""What became of a service and of its calls during a fault: the values that blame propagation works out."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from akeso.stages.diagnosis.symptoms import significance

SLOWER_MS = 8.0  # less is of no interest to anybody
SLOWER_SHARE = 0.2
FAILING = 0.04
_SLIVER = 0.25
_CONGESTS_MS = 50.0


class Blame(StrEnum):
    """Whose fault it is that a call is slow or fails."""

    NOBODY = "nobody"  # the call is fine
    CALLEE = "callee"
    CALLER = "caller"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class CallEffect:
    """One synchronous call, judged. slower_ms: rise of its latency; errors: rise of its error share;
    per_request: calls per request of the caller; unseen: the callee tells nothing of these calls."""

    caller: str
    callee: str
    slower_ms: float
    errors: float
    per_request: float
    blame: Blame
    unseen: bool
    why: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of one service. Milliseconds a request and shares of requests.

    slower_ms, errors: in all; own_ms, own_errors: what no callee explains; certainty_ms: own_ms in robust spreads;
    error_noise: what own_errors may be by chance, from the number of requests and the past; requests: how many were
    answered during the fault, NaN when not counted;
    silent_s: since when nothing was heard (0: not silent); down: it answers nobody; idle: it finishes hardly anything
    any more; unreached: calls to it fail, and it does not tell of them as it did before.
    """

    service: str
    slower_ms: float
    own_ms: float
    certainty_ms: float
    usual_ms: float
    errors: float
    own_errors: float
    error_noise: float
    requests: float
    silent_s: float
    down: bool
    idle: bool
    unreached: bool
    calls: tuple[CallEffect, ...]

    @property
    def slow(self) -> bool:
        """Its requests take noticeably longer, whoever causes it."""
        return noticeable(self.slower_ms, self.usual_ms)

    @property
    def least_errors(self) -> float:
        """The share of failed requests from which it matters: less when many requests were counted."""
        return FAILING * significance(np.nan_to_num(self.requests))

    @property
    def failing(self) -> bool:
        return self.errors >= self.least_errors

    @property
    def slow_itself(self) -> bool:
        """It takes noticeably longer in itself, beyond its usual spread and not just a sliver of the whole."""
        own = self.own_ms >= _SLIVER * self.slower_ms and self.certainty_ms >= 3.0
        return own and noticeable(self.own_ms, self.usual_ms)

    @property
    def failing_itself(self) -> bool:
        return self.own_errors >= max(self.least_errors, _SLIVER * self.errors, 1.5 * self.error_noise)

    @property
    def waiting_ms(self) -> float:
        """What calls to slow callees cost a request."""
        return sum(c.slower_ms * c.per_request for c in self.calls if c.blame is Blame.CALLEE)

    @property
    def congested(self) -> bool:
        """It waits so long for a callee that requests pile up before it: its own queue is an effect, too."""
        slow_callee = self.waiting_ms >= max(_CONGESTS_MS, 0.5 * self.usual_ms)
        return slow_callee and self.waiting_ms >= _SLIVER * self.own_ms

    @property
    def well(self) -> bool:
        return not (self.slow or self.failing or self.down)


def noticeable(slower_ms: float, usual_ms: float) -> bool:
    """Whether somebody notices that something takes so many milliseconds longer than usual."""
    return slower_ms >= max(SLOWER_MS, SLOWER_SHARE * usual_ms)
