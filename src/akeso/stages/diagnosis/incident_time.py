"""Which of what was said belongs to an incident: what was said before it began is history, however recent."""

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, Mask
from akeso.domain.telemetry.times import duration_ns

# A cause is often named some seconds before anybody is worse off.
_BEFORE_S = 15.0


def of_the_incident(case: Case, recent_s: float) -> Mask:
    """bool[t]: slots of the last `recent_s` seconds in which the incident may have been on its way: since its onset,
    less what the cadence of its series leaves open. Without an anomaly nobody knows its onset that well (a report or an
    alert comes when somebody has noticed), and only `recent_s` counts."""
    times = case.features.times
    recent = times > case.now - int(recent_s * NANOSECONDS)
    if not case.anomalies:
        return np.asarray(recent)
    unsure = max(duration_ns(anomaly.every) for anomaly in case.anomalies)
    return np.asarray(recent & (times > case.onset - unsure - int(_BEFORE_S * NANOSECONDS)))
