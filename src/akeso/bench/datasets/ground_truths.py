"""Ground truths of ITBench (itbench.io/v1): what an operator saw of an incident, what it was, and what was at fault.

The sight of an incident must not tell its cause. It holds its alerts and the effects of its propagation, without causal
clauses ("due to …") and without any word that names a mechanism, of whichever incident. It holds nothing of the fault,
of the conditions of the propagation, and of the remedy.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from akeso.domain.errors import InvalidInput

# Mechanisms by what the truth says about its fault, the first that fits. Set before anything was searched for.
MECHANISMS: Mapping[str, str] = {
    "feature flag": r"feature[ -]?flag|flagd",
    "capacity": r"quota|evict|priorit|affinity|insufficient[- ]resources|\bhpa\b|autoscal|unschedul|reschedul",
    "exhaustion": r"stress|exhaust|storage|\bdisk|pressure",
    "routing": r"\bport\b|_addr\b|selector|service deleted|deletion",
    "access": r"authenticat|password|mtls|certificate|service_mesh|ambient",
    "network": r"network|partition|tamper|corrupted",
    "artefact": r"\bimage\b|imagepull\w*|malformed|truncated|config_injection",
}
_RULES = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in MECHANISMS.items()}
_NAMING = re.compile(rf"\S*(?:{'|'.join(MECHANISMS.values())}|chaos|inject|misconfig|enables?\b)\S*", re.IGNORECASE)
_CAUSE = re.compile(
    r"\s*\b(?:due to|because|caused by|causing|as a result of|resulting from|owing to|after|following|affected by|"
    r"preventing)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_NO_CATEGORY = frozenset({"other", "custom"})


@dataclass(frozen=True, slots=True)
class Truth:
    """sight: what was seen before anything was known; signature: "service:alert" words; record: all that was known in
    the end; mechanisms and categories: labels by the fault alone, empty where it says nothing."""

    name: str
    sight: str
    signature: tuple[str, ...]
    record: str
    service: str
    mechanisms: frozenset[str]
    categories: frozenset[str]


def read_truths(data: Path) -> list[Truth]:
    """All truths of a folder, in the order of their names. Raises InvalidInput if there is none."""
    found = []
    for file in sorted(data.glob("*.yaml")) if data.is_dir() else ():
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        spec = document.get("spec", document) if isinstance(document, dict) else {}
        if isinstance(spec, dict) and {"alerts", "fault", "propagations"} <= spec.keys():
            found.append(_truth(file, spec))
    if len(found) < 2:
        raise InvalidInput("--data", f"no ITBench truths in {data}: looked for *.yaml with alerts, fault, propagations")
    return found


def observed(text: str) -> str:
    """What is left of a sentence for somebody who does not know the cause."""
    return " ".join(_NAMING.sub(" ", _CAUSE.sub("", text)).split())


def _truth(file: Path, spec: Mapping[str, Any]) -> Truth:
    try:
        services = {group["id"]: _service(group) for group in spec["groups"]}
        roots = [group["id"] for group in spec["groups"] if group.get("root_cause")]
        alerts = [(a["id"], services.get(a.get("group_id"), ""), _description(a)) for a in spec["alerts"]]
        effects = [p["effect"] for p in spec["propagations"] if p["target"] not in roots]
        conditions = [p["condition"] for p in spec["propagations"]]
        faults = [_fault_text(fault) for fault in spec["fault"]]
    except (KeyError, TypeError, AttributeError) as bad:
        raise InvalidInput(str(file), f"is no ITBench truth: {bad!r}") from bad
    said = [f"{kind} {service}: {description}" for kind, service, description in alerts]
    return Truth(
        name=file.stem,
        sight=_joined(
            [f"{kind} {service}: {observed(text)}" for kind, service, text in alerts], map(observed, effects)
        ),
        signature=tuple(sorted({f"{service}:{kind}" for kind, service, _ in alerts})),
        record=_joined(said, effects, conditions, faults, _remedies(spec)),
        service=services[roots[0]] if roots else "",
        mechanisms=frozenset(filter(None, map(_mechanism, faults))),
        categories=frozenset(str(f.get("category", "")).lower().split(" ")[0] for f in spec["fault"]) - _NO_CATEGORY,
    )


def _service(group: Mapping[str, Any]) -> str:
    name = re.sub(r"-\d+$", "", group["id"])
    return name.removesuffix(f"-{group.get('kind', '').lower()}")


def _description(alert: Mapping[str, Any]) -> str:
    return str((alert.get("metadata") or {}).get("description", ""))


def _fault_text(fault: Mapping[str, Any]) -> str:
    return f"{fault.get('fault_mechanism', '')}: {fault.get('condition', '')}"


def _mechanism(fault: str) -> str:
    return next((name for name, rule in _RULES.items() if rule.search(fault)), "")


def _remedies(spec: Mapping[str, Any]) -> list[str]:
    advised: Sequence[Any] = spec.get("recommended_actions") or spec.get("recommendedActions") or ()
    return [str(action) for each in advised for action in each["solution"]["actions"]]


def _joined(*parts: Iterable[str]) -> str:
    return ". ".join(dict.fromkeys(text for part in parts for text in part if text))
