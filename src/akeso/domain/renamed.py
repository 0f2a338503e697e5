"""Names of earlier releases and what they are called now. They are understood for one release.

SETTINGS: dotted paths; a path stands for itself and for all below it. FIELDS: by what holds them, the fields of REST
answers, of the journal and of kept files.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from akeso.domain.errors import InvalidInput

# Applied one after the other: first sections that moved, then settings in them.
SETTINGS: Mapping[str, str] = MappingProxyType({
    "features.features": "features",
    "features.looks": "features.early_evaluation",
    "features.looked_series": "features.early_evaluation_series",
    "features.trailing": "features.rolling_slots",
    "features.enough": "features.min_calls",
    "model.decide": "decision",
    "model.score.safe_mode": "decision.safe_mode",
    "decision.decide": "decision",
    "decision.warm": "decision.min_samples",
    "decision.loud": "decision.high_score",
    "decision.unmistakable": "decision.critical_score",
    "budget.unmistakable": "budget.critical_score",
    "budget.credit": "budget.initial_tokens",
    "budget.saves": "budget.burst_window",
    "budget.company": "budget.correlation_window",
    "budget.lasting": "budget.sustained_after",
    "budget.apart": "budget.merge_window",
    "models.evaluation.grace": "budget.grace",
    "models.pipeline.training.grace": "budget.grace",
    "healing.gate.guards": "healing.guards",
    "healing.effects.guards": "healing.guards",
    "healing.gate.govern.repeat_window": "healing.guards.repeat_window",
    "healing.agent.advance.holds_off": "healing.agent.advance.self_recovery_hold",
    "healing.agent.advance.doubt": "healing.agent.advance.recheck_interval",
    "healing.agent.advance.settle": "healing.agent.advance.initial_delay",
    "healing.agent.advance.patience": "healing.agent.advance.unknown_timeout",
    "healing.context.watches.enough": "healing.context.watches.min_samples",
    "anonymous_ingest": "access.without_key",
    "ingestion.handover_bytes": "ingestion.publish_queue_bytes",
})  # fmt: skip
# Lists of detectors; each that stood in one has that vote now (setting `votes`).
VOTES: Mapping[str, str] = MappingProxyType({
    "decision.rules": "rule",
    "decision.objectives": "objective",
    "decision.alone": "standalone",
    "decision.advisory": "none",
})  # fmt: skip
_SECTIONS = frozenset(old.split(".")[0] for old in SETTINGS)

_ALARM = MappingProxyType({"told": "notified"})
FIELDS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "diagnosis": MappingProxyType({"next_looks": "suggested_checks"}),
    "alarm": _ALARM,
    "service": MappingProxyType({**_ALARM, "held": "withheld"}),
    "pipeline": MappingProxyType({"complaints": "findings"}),
})  # fmt: skip


def current(path: str) -> str:
    """The present name of a setting; the same if it was never renamed."""
    for old, new in SETTINGS.items():
        if path == old or path.startswith(f"{old}."):
            path = new + path[len(old) :]
    return path


def renewed(tree: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A tree of settings under their present names, and the old names (old → new) that stood in it. Raises InvalidInput
    where one setting is given twice, under two names and with two values."""
    made: dict[str, Any] = {}
    found: dict[str, str] = {}
    for old, value in leaves(tree).items():
        for new, given in placed(old, value).items():
            if new != old:
                found[old] = new
            _put(made, new, given, old)
    return made, found


def placed(path: str, value: Any) -> dict[str, Any]:
    """Where a value stands now: under its present name, or, of a list of detectors, as the vote of each."""
    new = current(path)
    if new not in VOTES or not isinstance(value, list | tuple | frozenset):
        return {new: value}
    return {f"votes.{name}": VOTES[new] for name in value}


def with_old_names(view: dict[str, Any], holder: str) -> dict[str, Any]:
    """A REST answer in which each renamed field stands under its old name as well, for those who still read that."""
    return view | {old: view[new] for old, new in FIELDS[holder].items() if new in view}


def with_new_names(tree: Any, holder: str) -> Any:
    """What an earlier release wrote, with its fields under their present names. What is no mapping stays as it is."""
    if not isinstance(tree, Mapping):
        return tree
    return {FIELDS[holder].get(name, name): value for name, value in tree.items()}


def leaves(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted path → value, of every value in sections that hold renamed settings; of other sections as a whole."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        path = f"{above}.{name}" if above else str(name)
        if isinstance(value, Mapping) and value and path.partition(".")[0] in _SECTIONS:
            found |= leaves(value, path)
        else:
            found[path] = value
    return found


def _put(tree: dict[str, Any], path: str, value: Any, given: str) -> None:
    *above, last = path.split(".")
    for part in above:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise InvalidInput(given, f"{part} is given a value and has settings below it")
    if tree.setdefault(last, value) != value:
        raise InvalidInput(given, f"{path} is given twice, with different values, once under an earlier name")
