"""How Akeso is set up beside a world: by nothing but what the world and its scenario say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from akeso.agents.intake.ingestion import IngestionOptions
from akeso.agents.runtime.runner import RuntimeOptions
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Bound
from akeso.worlds.running.effects import KIND

# A world runs for hours in minutes: what nobody asks for again is forgotten, and looked for rarely.
_INGESTION = IngestionOptions(retention=timedelta(minutes=15), prune_every=timedelta(minutes=1))
_RUNTIME = RuntimeOptions(jitter=timedelta(0))
_BOUND = (Bound.PROCESS, Bound.RELEASE, Bound.CONFIGURATION, Bound.QUEUE, Bound.DATABASE, Bound.FALLBACK)


@dataclass(frozen=True, slots=True)
class Setup:
    """services: entries of services.yaml beside the bindings; bound: services that Akeso can act on, in every way that
    there is; settings: as in akeso.toml. The trust is `auto`, with effects, unless the settings say otherwise."""

    services: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    bound: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def settings_in(folder: Path, setup: Setup) -> Settings:
    """The settings of an Akeso whose data folder is `folder`. Raises InvalidSettings naming the setting."""
    file = folder / "services.yaml"
    file.write_text(yaml.safe_dump({"services": _described(setup)}))
    given = {"trust": "auto", "dry_run": False, "ingestion": _INGESTION, "runtime": _RUNTIME, **setup.settings}
    try:
        return _Alone(**{**given, "data": folder, "services": file})
    except ValidationError as bad:
        first = bad.errors()[0]
        raise InvalidSettings(".".join(map(str, first["loc"])) or "settings", first["msg"]) from bad


def _described(setup: Setup) -> dict[str, dict[str, Any]]:
    described = {name: dict(entry) for name, entry in setup.services.items()}
    for name in setup.bound:
        bindings = {kind.value: {"kind": KIND, "target": name} for kind in _BOUND}
        described.setdefault(name, {}).setdefault("bindings", bindings)
    return described


class _Alone(Settings):
    """Neither the environment nor files of the folder that somebody happens to be in say anything."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)
