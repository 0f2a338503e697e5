"""calibration.json: the scale of confidence and where it comes from, shipped or written by `akeso learn calibrate`."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from akeso.domain.errors import InvalidSettings
from akeso.stages.diagnosis.confidence import GROUNDS, Calibration

VERSION = 1


def _ground(name: str) -> str:
    if name not in GROUNDS:
        raise ValueError(f"there is no ground {name}; there are {', '.join(GROUNDS)}")
    return name


_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Probability = Annotated[_Number, Field(gt=0, lt=1)]


class _File(BaseModel):
    """What a scale is made of; what else stands in the file is for people."""

    version: Literal[1]
    source: str = ""
    intercept: _Number
    floor: _Probability
    ceiling: _Probability
    weights: Annotated[dict[Annotated[str, AfterValidator(_ground)], _Number], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.floor > self.ceiling:
            raise ValueError("floor lies above ceiling")
        return self


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
    """The scale in the text of a file called `name`. Raises InvalidSettings naming the field that is wrong."""
    try:
        told = _File.model_validate_json(text)
    except ValidationError as bad:
        first = bad.errors()[0]
        where = f"{name}: {'.'.join(map(str, first['loc']))}".removesuffix(": ")
        raise InvalidSettings(where, first["msg"].removeprefix("Value error, ")) from bad
    weights = MappingProxyType(dict(told.weights))
    return Calibration(told.intercept, weights, told.floor, told.ceiling, VERSION, told.source)


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
