"""Settings of detection that change at run time (topic config-updates)."""

from dataclasses import replace

from akeso.domain.errors import InvalidInput
from akeso.domain.messages import ConfigUpdate
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.detection.score import ScoreOptions

_TRUTH = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def rescored(options: ScoreOptions, update: ConfigUpdate) -> ScoreOptions:
    """The options after `safe_mode` (true, false) or `model_version`; others change nothing. Raises InvalidInput."""
    match update.name:
        case "safe_mode":
            return replace(options, safe_mode=_truth(update))
        case "model_version":
            return replace(options, model=update.value)
    return options


def redecided(options: DecideOptions, update: ConfigUpdate) -> DecideOptions:
    """The options after `safe_mode` (true, false) or `threshold` (a factor); others change nothing. Raises
    InvalidInput."""
    match update.name:
        case "safe_mode":
            return replace(options, safe_mode=_truth(update))
        case "threshold":
            return replace(options, threshold=_factor(update))
    return options


def _truth(update: ConfigUpdate) -> bool:
    if update.value.lower() not in _TRUTH:
        raise InvalidInput(update.name, f"must be true or false, not {update.value!r}")
    return _TRUTH[update.value.lower()]


def _factor(update: ConfigUpdate) -> float:
    try:
        factor = float(update.value)
    except ValueError as exc:
        raise InvalidInput(update.name, f"must be a number, not {update.value!r}") from exc
    if not 0.05 <= factor <= 20.0:
        raise InvalidInput(update.name, f"must be a factor between 0.05 and 20, not {update.value}")
    return factor
