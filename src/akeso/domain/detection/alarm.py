"""An alarm as the alert budget counts it."""

from dataclasses import dataclass
from enum import StrEnum


class Truth(StrEnum):
    """Whether there was something to be alarmed about, as feedback or a healing showed."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Symptoms of one service that were raised close to each other, without a hard fault among them.

    at, until: ns, the first and the last of them; score: of the loudest (1.0 = at the threshold); p_value: the
    smallest, 1 if nobody has one; signal: of the loudest; notified: it was passed on, else withheld for lack of budget.
    """

    tenant: str
    service: str
    at: int
    until: int
    score: float
    p_value: float
    signal: str
    notified: bool
    truth: Truth = Truth.UNKNOWN
