"""calibration.json: the scale of confidence and where it comes from, shipped or written by `akeso learn calibrate`."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

from akeso.domain.errors import InvalidSettings
from akeso.stages.diagnosis.confidence import GROUNDS, Calibration

VERSION = 1
_NUMBERS = ("intercept", "floor", "ceiling")


@lru_cache(maxsize=1)
def shipped() -> Calibration:
    """The scale that comes with Akeso."""
    resource = files("akeso.defaults") / "calibration.json"
    return parsed(resource.read_text(encoding="utf-8"), "calibration.json")


def load_calibration(path: Path) -> Calibration:
    """A scale from a file. Raises InvalidSettings naming the field that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as bad:
        raise InvalidSettings("calibration", f"{path} cannot be read: {bad.strerror}") from bad
    return parsed(text, str(path))


def parsed(text: str, name: str) -> Calibration:
    """The scale in the text of a file called `name`."""
    try:
        told = json.loads(text)
    except ValueError as bad:
        raise InvalidSettings(name, f"is no JSON: {bad}") from bad
    if not isinstance(told, dict):
        raise InvalidSettings(name, "is no JSON object")
    if told.get("version") != VERSION:
        raise InvalidSettings(f"{name}: version", f"is {told.get('version')}, this Akeso reads {VERSION}")
    numbers = {field: _number(told, field, name) for field in _NUMBERS}
    if not 0.0 < numbers["floor"] <= numbers["ceiling"] < 1.0:
        raise InvalidSettings(f"{name}: floor", "floor and ceiling are no probabilities in their order")
    return Calibration(
        **numbers, weights=_weights(told.get("weights"), name), version=VERSION, source=str(told.get("source", ""))
    )


def written(scale: Calibration, about: Mapping[str, Any]) -> str:
    """The text of a file: the scale, then `about` (cases, reliability, scores) for people."""
    told = {
        "version": VERSION,
        "source": scale.source,
        "intercept": round(scale.intercept, 6),
        "weights": {ground: round(weight, 6) for ground, weight in scale.weights.items()},
        "floor": round(scale.floor, 6),
        "ceiling": round(scale.ceiling, 6),
        **about,
    }
    return json.dumps(told, indent=1) + "\n"


def _weights(told: Any, name: str) -> Mapping[str, float]:
    if not isinstance(told, dict) or not told:
        raise InvalidSettings(f"{name}: weights", "are missing")
    if unknown := sorted(set(told) - set(GROUNDS)):
        raise InvalidSettings(f"{name}: weights.{unknown[0]}", f"no such ground; there are {', '.join(GROUNDS)}")
    return MappingProxyType({ground: _number(told, ground, f"{name}: weights") for ground in told})


def _number(told: Mapping[str, Any], field: str, name: str) -> float:
    value = told.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise InvalidSettings(f"{name}: {field}", f"is {value!r}, not a number")
    return float(value)
