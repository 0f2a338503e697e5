"""services.yaml → Services. Everything in it is optional; a wrong type or an unknown rung names its place."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from akeso.config.checked_file import STRICT, checked_yaml, read_text
from akeso.domain.estate.service import Services, ServiceSpec, Trust


def _rung(value: object) -> object:
    if isinstance(value, Trust):
        return value
    if isinstance(value, str) and value.upper() in Trust.__members__:
        return Trust[value.upper()]
    raise ValueError(f"is none of {', '.join(t.name.lower() for t in Trust)}")


Rung = Annotated[Trust, BeforeValidator(_rung)]


class _Slo(BaseModel):
    model_config = STRICT
    latency_ms: Annotated[float, Field(gt=0)] | None = None
    error_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    slow_ratio: float = Field(default=0.01, gt=0, le=1)


class _Service(BaseModel):
    model_config = STRICT
    tier: int = Field(default=3, ge=0, le=9)
    owner: str = ""
    environment: str = "production"
    minimum_healthy: int = Field(default=1, ge=0)
    external: bool = False
    slo: _Slo = _Slo()
    alert_budget: Annotated[float, Field(ge=0)] | None = None
    trust: Rung | None = None
    action_trust: dict[str, Rung] = {}
    bindings: dict[str, dict[str, str]] = {}


class _File(BaseModel):
    model_config = STRICT
    services: dict[str, _Service | None] = {}


def load_services(path: Path) -> Services:
    """The services that a file describes. Raises InvalidSettings naming the file, the field and the reason."""
    parsed = checked_yaml(read_text(path), path.name, _File)
    return Services({name: _spec(name, service or _Service()) for name, service in parsed.services.items()})


def _spec(name: str, service: _Service) -> ServiceSpec:
    return ServiceSpec(
        name=name,
        tier=service.tier,
        owner=service.owner,
        environment=service.environment,
        minimum_healthy=service.minimum_healthy,
        external=service.external,
        latency_slo_ms=service.slo.latency_ms,
        error_slo=service.slo.error_ratio,
        slow_slo=service.slo.slow_ratio,
        alert_budget=service.alert_budget,
        trust=service.trust,
        action_trust=service.action_trust,
        bindings=service.bindings,
    )
