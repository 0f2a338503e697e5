"""The words policies are written in: the Cedar schema, and a request in these words."""

import json
from collections.abc import Mapping
from enum import StrEnum
from math import floor, isfinite
from typing import Any

from akeso.domain.estate.service import Trust
from akeso.domain.incident.verdict import PolicyRequest


class Verb(StrEnum):
    """What policies permit or forbid."""

    EXECUTE = "execute"
    ASK = "ask"
    PREVIEW = "preview"


SCHEMA = """
entity Role;
entity Agent;
entity Person in [Role];
entity Service { name: String, tier: Long, environment: String, external: Bool };
entity Step tags String;
entity Facts tags String;
action effect;
action execute, ask in [effect] appliesTo { principal: [Agent, Person], resource: Service, context: Circumstances };
action preview appliesTo { principal: [Agent, Person], resource: Service, context: Circumstances };
type Circumstances = {
    action: String,
    step: Step,
    facts: Facts,
    trust: String,
    risk: String,
    reversible: Bool,
    confidence: Long,
    blast_radius: Long,
    recent_repeats: Long,
    change_freeze: Bool,
    suspended: Bool,
    on_akeso: Bool,
    vouched: Bool,
};
"""


def entities(request: PolicyRequest) -> str:
    """The principal with its role, the target, the step's parameters and the request's facts as Cedar entities."""
    uid = principal(request)
    parents = [] if uid["type"] == "Agent" else [_uid("Role", request.role)]
    target = {
        "name": request.step.target,
        "tier": request.tier,
        "environment": request.environment,
        "external": request.external,
    }
    return json.dumps(
        [
            {"uid": uid, "attrs": {}, "parents": parents},
            {"uid": _uid("Service", request.step.target), "attrs": target, "parents": []},
            _tagged(_uid("Step", request.step.id), request.step.parameters),
            _tagged(_uid("Facts", request.step.id), request.context),
        ]
    )


def question(request: PolicyRequest, verb: Verb) -> dict[str, Any]:
    """One Cedar request. Raises ValueError when a number is none."""
    if not isfinite(request.confidence):
        raise ValueError(f"the confidence is {request.confidence}")
    return {
        "principal": principal(request),
        "action": _uid("Action", verb.value),
        "resource": _uid("Service", request.step.target),
        "context": {
            "action": request.step.action,
            "step": {"__entity": _uid("Step", request.step.id)},
            "facts": {"__entity": _uid("Facts", request.step.id)},
            "trust": Trust(request.trust).name.lower(),
            "risk": request.risk.name.lower(),
            "reversible": request.reversible,
            "confidence": _percent(request.confidence),
            "blast_radius": request.blast_radius,
            "recent_repeats": request.recent_repeats,
            "change_freeze": request.change_freeze,
            "suspended": request.suspended,
            "on_akeso": request.on_akeso,
            "vouched": not request.doubt,
        },
    }


def principal(request: PolicyRequest) -> dict[str, str]:
    """An Agent, or a Person in a Role."""
    return _uid("Agent" if request.role == "agent" else "Person", request.principal)


def _percent(fraction: float) -> int:
    """Rounded down, so that no threshold is reached by rounding; 0.57 × 100 is 56.99… and still 57 percent."""
    return floor(round(fraction * 100, 6))


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _tagged(uid: dict[str, str], tags: Mapping[str, str]) -> dict[str, Any]:
    return {"uid": uid, "attrs": {}, "parents": [], "tags": dict(tags)}
