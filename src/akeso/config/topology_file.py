"""topology.yaml → edges that the team declares, for callers and callees whose spans Akeso does not get."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.topology import Edge

_Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Edge(BaseModel):
    model_config = ConfigDict(extra="forbid")
    caller: _Name
    callee: _Name
    asynchronous: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    edges: list[_Edge] = []


def load_topology(path: Path) -> tuple[Edge, ...]:
    """The edges that a file declares. Raises InvalidSettings naming the file, the field and the reason."""
    try:
        parsed = _File.model_validate(yaml.safe_load(path.read_text()) or {})
    except OSError as bad:
        raise InvalidSettings(str(path), f"cannot be read: {bad.strerror}") from bad
    except yaml.YAMLError as bad:
        raise InvalidSettings(str(path), f"is no YAML: {bad}") from bad
    except ValidationError as bad:
        first = bad.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidSettings(f"{path.name}: {where}", first["msg"]) from bad
    for number, edge in enumerate(parsed.edges):
        if edge.caller == edge.callee:
            raise InvalidSettings(f"{path.name}: edges.{number}", f"{edge.caller} calls itself")
    return tuple(Edge(edge.caller, edge.callee, edge.asynchronous) for edge in parsed.edges)
