"""Files that people write, read and checked: what is wrong is said with the file, the field and the reason."""

from collections.abc import Iterable, Sequence
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
        said, line = worst["msg"].removeprefix("Value error, "), line_of(text, worst["loc"])
        raise InvalidSettings(where, f"{said} (line {line})" if line else said) from bad


def place(location: Iterable[int | str]) -> str:
    """Where in a document something stands, like `playbooks[0].steps[1].action`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def line_of(text: str, location: Sequence[int | str]) -> int:
    """The line, from 1, of the last part of a location that the text has; 0 where it has none."""
    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 0
    for part in location:
        found = _child(node, part)
        if found is None:
            break
        node, line = found
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        return next((
            (value, name.start_mark.line + 1) for name, value in node.value if name.value == str(part)
        ), None)  # fmt: skip
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    return None


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    # A name that is not known is most often one that is missing, misspelt.
    return next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
