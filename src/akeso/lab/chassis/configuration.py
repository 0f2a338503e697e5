"""A service's configuration file: read once at start, refused when it is not understood."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from akeso.lab.shop.blueprint import Blueprint


@dataclass(frozen=True, slots=True)
class Configuration:
    """`upstreams` maps a service to a fixed `host:port` that is used instead of discovery."""

    slots: int
    queue: int
    work_ms: float
    timeout_ms: int
    pool_size: int
    upstreams: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, blueprint: Blueprint) -> Self:
        """The configuration a service is delivered with."""
        return cls(
            slots=blueprint.slots,
            queue=blueprint.queue,
            work_ms=blueprint.work_ms,
            timeout_ms=blueprint.timeout_ms,
            pool_size=blueprint.pool_size,
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for anything but an object with exactly the known keys."""
        raw: dict[str, Any] = json.loads(text)
        unknown = set(raw) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        return cls(**raw)

    def text(self) -> str:
        """As it stands in `config.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"
