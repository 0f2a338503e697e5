"""REST for what detection may still say: alert budgets, and the error budgets of objectives."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from akeso.domain.detection.alarm import Alarm
from akeso.domain.estate.access import Caller, Role
from akeso.domain.estate.objective import ErrorBudget
from akeso.domain.renamed import with_old_names
from akeso.domain.telemetry.times import rfc3339
from akeso.faces.api.access import require, system_of
from akeso.stages.detection.alert_budget import Standing

router = APIRouter(prefix="/api/v1", tags=["detection"])
Viewer = Annotated[Caller, Depends(require(Role.VIEWER))]


@router.get("/detection/budget")
async def show_alert_budgets(request: Request, caller: Viewer) -> dict[str, Any]:
    """By service: false alarms a week that are acceptable, alarms that were notified and withheld, what feedback and
    healings said of them, and the score that a new alarm must reach now. Deprecated, for one release: `told`
    and `held`, now `notified` and `withheld`."""
    budget = system_of(request).detection.decision.budget
    options = budget.options
    return {
        "per_week": options.per_week,
        "enforced": options.enforced,
        "never_held_back": {"rules": sorted(budget.stated), "score": options.critical_score},
        "services": [standing_view(standing) for standing in budget.standings(caller.tenant)],
    }


@router.get("/slo")
async def show_error_budgets(request: Request, caller: Viewer) -> dict[str, Any]:
    """By objective: burn rates of every window, and what is left of the longest window's error budget."""
    objectives = system_of(request).detection.objectives
    found = objectives.budgets(caller.tenant) if objectives else ()
    scale = objectives.scale if objectives else 1.0
    return {"scale": scale, "objectives": [budget_view(budget, scale) for budget in found]}


def standing_view(standing: Standing) -> dict[str, Any]:
    """A service's alert budget as JSON."""
    more = {"threshold": max(standing.threshold, 1.0), "alarms": [alarm_view(a) for a in standing.alarms]}
    return with_old_names(asdict(standing) | more, "service")


def alarm_view(alarm: Alarm) -> dict[str, Any]:
    """An alarm as JSON."""
    view = {
        "at": rfc3339(alarm.at),
        "until": rfc3339(alarm.until),
        "signal": alarm.signal,
        "score": alarm.score,
        "p_value": alarm.p_value,
        "notified": alarm.notified,
        "truth": alarm.truth.value,
    }
    return with_old_names(view, "alarm")


def budget_view(budget: ErrorBudget, scale: float) -> dict[str, Any]:
    """An error budget as JSON; windows in seconds, as they are in force."""
    objective = budget.objective
    return {
        "service": objective.service,
        "kind": objective.kind,
        "allowed": objective.allowed,
        "limit_ms": objective.limit or None,
        "remaining": budget.remaining,
        "alarm": budget.score >= 1.0,
        "rules": [
            {
                "factor": burn.rule.factor,
                "long_s": burn.rule.long.total_seconds() * scale,
                "short_s": burn.rule.short.total_seconds() * scale,
                "long_burn": burn.long,
                "short_burn": burn.short,
            }
            for burn in budget.burns
        ],
    }
