"""Errors in the log that are new or many more than before, and whom they name."""

import re
from dataclasses import dataclass

import numpy as np

from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry.batches import Mask
from akeso.domain.telemetry.severity import ERROR, FATAL
from akeso.stages.diagnosis.symptoms import read


@dataclass(frozen=True, slots=True)
class LogErrorIncrease:
    """An error pattern that is new or much more frequent. Rates per slot."""

    pattern: LogPattern
    past: float
    now: float

    @property
    def new(self) -> bool:
        return self.past == 0.0


def increase(pattern: LogPattern, during: Mask) -> LogErrorIncrease | None:
    """The pattern if it is of errors and more of them than chance gives are seen during the fault (bool[t])."""
    if pattern.severity < ERROR or not during.any() or len(pattern.counts) != len(during):
        return None
    now = float(np.nanmean(pattern.counts[during]))
    past = float(np.nanmean(pattern.counts[~during])) if not during.all() else 0.0
    heard = float(np.nansum(pattern.counts[during]))
    # Square roots of counts have the spread 1/2, whatever the rate (Anscombe).
    surprise = 2.0 * (np.sqrt(heard + 0.375) - np.sqrt(past * during.sum() + 0.375))
    fatal = pattern.severity >= FATAL and heard >= 1 and past == 0.0
    return LogErrorIncrease(pattern, past, now) if fatal or (heard >= 2 and surprise >= 2.0) else None


def named(case: Case, service: str, line: str) -> str | None:
    """The dependency that a line blames; the deepest when it tells a chain of them."""
    below = case.topology.downstream(service)
    # A name inside a path or an identifier is not a mention of the service.
    mentioned = {name for name in below if re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])", line, re.IGNORECASE)}
    deepest = [m for m in mentioned if not mentioned & case.topology.downstream(m)]
    return max(deepest or mentioned, key=line.lower().rfind, default=None)


def complaining(case: Case) -> frozenset[str]:
    """The services whose new errors name somebody whom they depend on."""
    during = read(case).during
    told = (p for p in case.logs if p.severity >= ERROR and increase(p, during) is not None)
    return frozenset(p.service for p in told if named(case, p.service, p.example) is not None)
