"""Who a process is."""

import os
from dataclasses import dataclass
from typing import Self

from akeso.lab.shop.blueprint import SHOP, Blueprint
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.versions import Versions

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True)
class Identity:
    """Known before anything else starts; `telemetry_url` is None when nobody listens."""

    blueprint: Blueprint
    instance: str
    version: str
    folder: RunFolder
    telemetry_url: str | None

    @classmethod
    def of_process(cls, service: str, instance: str, folder: RunFolder) -> Self:
        """Reads the release's name and the exporter's standard environment variable, once."""
        blueprint = SHOP[service]
        version = Versions(folder.releases(service)).current() if blueprint.replaceable else "1.0.0"
        url = None if blueprint.external else os.environ.get(ENDPOINT_VARIABLE) or None
        return cls(blueprint, instance, version, folder, url)

    @property
    def service(self) -> str:
        """The service's name."""
        return self.blueprint.name
