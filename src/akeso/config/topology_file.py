"""topology.yaml → edges that the team declares, for callers and callees whose spans Akeso does not get."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from akeso.config.checked_file import STRICT, checked_yaml, read_text
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.topology import Edge

_Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Edge(BaseModel):
    model_config = STRICT
    caller: _Name
    callee: _Name
    asynchronous: bool = False


class _File(BaseModel):
    model_config = STRICT
    edges: list[_Edge] = []


def load_topology(path: Path) -> tuple[Edge, ...]:
    """The edges that a file declares. Raises InvalidSettings naming the file, the field and the reason."""
    parsed = checked_yaml(read_text(path), path.name, _File)
    for number, edge in enumerate(parsed.edges):
        if edge.caller == edge.callee:
            raise InvalidSettings(f"{path.name}: edges[{number}]", f"{edge.caller} calls itself")
    return tuple(Edge(edge.caller, edge.callee, edge.asynchronous) for edge in parsed.edges)
