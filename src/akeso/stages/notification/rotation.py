"""Whose turn it is, and when it is quiet: questions about local time."""

from datetime import datetime, timedelta

from akeso.domain.detection.anomaly import Severity
from akeso.stages.notification.rules import QuietHours, Rotation


def on_call(rotation: Rotation, at: datetime) -> str:
    """Who has the turn at this instant. Before the first day it is whoever would have had it."""
    for override in rotation.overrides:
        if override.start <= at < override.end:
            return override.who
    local = at.astimezone(rotation.zone)
    # Local days, not durations: a hand-over at nine stays at nine when the clocks change.
    day = local.date() if local.time() >= rotation.at else local.date() - timedelta(days=1)
    turn = (day - rotation.first_day).days // rotation.days
    return rotation.people[turn % len(rotation.people)]


def is_quiet(hours: QuietHours, severity: Severity, at: datetime) -> bool:
    """Whether a notice of this severity waits now."""
    if severity >= min(hours.below, Severity.CRITICAL):
        return False
    local = at.astimezone(hours.zone)
    if local.weekday() in hours.whole_days:
        return True
    now = local.time()
    if hours.start <= hours.end:
        return hours.start <= now < hours.end
    return now >= hours.start or now < hours.end
