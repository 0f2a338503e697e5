"""A world before it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from akeso.worlds.estate.estate import Estate


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that will happen. kind: name of a fault or of an event of ordinary life; after_s: from the world's
    start; target: service, node or queue ("" lets the seed choose); lasts_s: until it ends by itself (None: it does
    not); strength: 1 is the usual, 2 twice as bad; parameters: of that kind."""

    kind: str
    after_s: float
    target: str = ""
    lasts_s: float | None = None
    strength: float = 1.0
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """name; estate; start: ns since the epoch (UTC); planned: what will happen; telling: what the YAML says of who
    tells and how, raw, for the dialects to read."""

    name: str
    estate: Estate
    start: int
    planned: tuple[Planned, ...] = ()
    telling: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
