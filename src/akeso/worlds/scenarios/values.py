"""Values over time as people write them: `20`, `20±3`, `20→200`, `silent`."""

import math
import random
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_AROUND = re.compile(rf"({_NUMBER})\s*(?:±|\+-)\s*({_NUMBER})")
_TOWARDS = re.compile(rf"({_NUMBER})\s*(?:→|->)\s*({_NUMBER})")


@dataclass(frozen=True, slots=True)
class Value:
    """Goes from `first` to `last` while a phase lasts, give or take `spread` (a standard deviation). NaN: nothing is
    said at all. What is not negative stays so."""

    first: float
    last: float
    spread: float = 0.0

    @property
    def silent(self) -> bool:
        return math.isnan(self.first)

    def at(self, passed: float, chance: random.Random) -> float:
        """passed: how much of the phase is over, 0 to 1."""
        level = self.first + (self.last - self.first) * passed
        drawn = chance.gauss(level, self.spread) if self.spread else level
        return max(drawn, 0.0) if min(self.first, self.last) >= 0 else drawn


def value(text: object) -> Value:
    """Raises ValueError for what is none."""
    if isinstance(text, Value):
        return text
    if isinstance(text, int | float) and not isinstance(text, bool):
        return Value(float(text), float(text))
    said = str(text).strip()
    if said == "silent":
        return Value(math.nan, math.nan)
    if found := _AROUND.fullmatch(said):
        return Value(float(found[1]), float(found[1]), float(found[2]))
    if found := _TOWARDS.fullmatch(said):
        return Value(float(found[1]), float(found[2]))
    if re.fullmatch(_NUMBER, said):
        return Value(float(said), float(said))
    raise ValueError(f"{text!r} is no value; write 20, 20±3, 20→200 or silent")


Told = Annotated[Value, BeforeValidator(value)]
