"""How many come, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, pi

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Traffic:
    """Visitors of one operation. rate: requests a second at the mean of a weekday; daily: depth of the day's wave
    (0..1); peak_hour: UTC; weekend: factor on Saturday and Sunday; retries: how often people try again; timeout_ms:
    when they give up; burst: how uneven seconds are (0: as chance has it)."""

    service: str
    operation: str
    rate: float
    daily: float = 0.5
    peak_hour: float = 14.0
    weekend: float = 0.7
    retries: int = 0
    timeout_ms: float = 10_000.0
    burst: float = 0.1

    def at(self, second: float) -> float:
        """Expected requests a second at a time (seconds since the epoch)."""
        hour = second % _DAY_S / 3600
        wave = 1 + self.daily * cos((hour - self.peak_hour) / 24 * 2 * pi)
        weekday = datetime.fromtimestamp(second, UTC).weekday()
        return self.rate * wave * (self.weekend if weekday >= 5 else 1.0)
