"""Files that people write, read and checked: what is wrong is said with the file, the field and the reason."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from akeso.domain.errors import InvalidSettings

# Of every mapping in such a file: a name that is not known is refused.
STRICT = ConfigDict(extra="forbid")

Model = TypeVar("Model", bound=BaseModel)


def read_text(path: Path) -> str:
    """What a file says. Raises InvalidSettings."""
    try:
        return path.read_text("utf-8")
    except OSError as bad:
        raise InvalidSettings(str(path), f"cannot be read: {bad.strerror}") from bad
    except UnicodeDecodeError as bad:
        raise InvalidSettings(str(path), "is no UTF-8 text") from bad


def checked_yaml(text: str, source: str, model: type[Model]) -> Model:
    """The text of the file `source` as a model; an empty one has nothing but defaults. Raises InvalidSettings."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as bad:
        raise InvalidSettings(source, f"is no YAML: {bad}") from bad
    try:
        return model.model_validate({} if document is None else document)
    except ValidationError as bad:
        worst = _telling(bad.errors())
        where = f"{source}: {place(worst['loc'])}".removesuffix(": ")
        raise InvalidSettings(where, worst["msg"].removeprefix("Value error, ")) from bad


def place(location: Iterable[int | str]) -> str:
    """Where in a document something stands, like `playbooks[0].steps[1].action`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    # A name that is not known is most often one that is missing, misspelt.
    return next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
