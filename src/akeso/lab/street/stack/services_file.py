"""`services.yaml`: what an operator would write for Akeso about this street."""

from typing import Any

import yaml

from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.services import SERVICES

SERVERS = ("nginx", "postgres", "redis", "rabbitmq")
FIRST_TIER = ("nginx", "web", "postgres")


def services_text(folder: StreetFolder, supervisor_url: str, dsn: str) -> str:
    """The YAML text: tiers and bindings, no objectives, for nobody there has written any."""
    services = {name: _service(name, folder, supervisor_url, dsn) for name in (*SERVICES, *SERVERS)}
    return yaml.safe_dump({"services": services}, sort_keys=False)


def _service(name: str, folder: StreetFolder, supervisor_url: str, dsn: str) -> dict[str, Any]:
    bindings = {"process": {"kind": "supervisord", "url": supervisor_url, "group": name}}
    if name in SERVICES:
        bindings["release"] = {"kind": "directory", "path": str(folder.releases(name).root)}
        bindings["configuration"] = {"kind": "directory", "path": str(folder.configurations(name).root)}
    if name == "postgres":
        bindings["database"] = {"kind": "postgresql", "dsn": dsn}
    return {"tier": 1 if name in FIRST_TIER else 2, "owner": "library", "bindings": bindings}
