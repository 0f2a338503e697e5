"""How many times their base rate the visitors come."""

from dataclasses import dataclass

EVERY_JOURNEY = "*"


@dataclass(frozen=True, slots=True)
class Surge:
    """`journey` comes `factor` times as often, reached evenly from `initial` within `ramp_s` seconds of `began`."""

    journey: str
    factor: float
    began: float
    ramp_s: float = 0.0
    initial: float = 1.0

    def factor_of(self, journey: str, now: float) -> float:
        """The factor for a journey at a time."""
        if self.journey not in (journey, EVERY_JOURNEY):
            return 1.0
        progress = 1.0 if self.ramp_s <= 0 else min(1.0, max(0.0, (now - self.began) / self.ramp_s))
        return self.initial + (self.factor - self.initial) * progress


CALM = Surge(EVERY_JOURNEY, 1.0, 0.0)
