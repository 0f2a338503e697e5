"""`services.yaml`: what an operator would write for Akeso about this shop."""

from typing import Any

import yaml

from akeso.lab.shop.blueprint import CONSUMER_GROUP, FALLBACK_FLAG, SHOP, STREAM, Blueprint
from akeso.lab.shop.folder import Facts, RunFolder

ERROR_RATIO = 0.05


def services_document(folder: RunFolder, facts: Facts) -> str:
    """The YAML text."""
    services = {blueprint.name: _service(blueprint, folder, facts) for blueprint in SHOP.services}
    return yaml.safe_dump({"services": services}, sort_keys=False)


def _service(blueprint: Blueprint, folder: RunFolder, facts: Facts) -> dict[str, Any]:
    if blueprint.external:
        return {"tier": blueprint.tier, "external": True}
    described: dict[str, Any] = {"tier": blueprint.tier, "owner": "shop", "environment": "lab"}
    bindings = _bindings(blueprint, folder, facts)
    if blueprint.replaceable:
        described["minimum_healthy"] = 1
        described["slo"] = {"latency_ms": blueprint.slo_latency_ms, "error_ratio": ERROR_RATIO}
    return {**described, "bindings": bindings}


def _bindings(blueprint: Blueprint, folder: RunFolder, facts: Facts) -> dict[str, dict[str, str]]:
    name = blueprint.name
    bindings: dict[str, dict[str, str]] = {}
    if blueprint.replaceable:
        bindings["process"] = {"kind": "supervisord", "url": facts.rpc_url, "group": name}
        bindings["release"] = {"kind": "directory", "path": str(folder.releases(name))}
        bindings["configuration"] = {"kind": "directory", "path": str(folder.configurations(name))}
    match name:
        case "fulfilment" | "order-queue":
            queue = {"kind": "valkey", "url": facts.valkey_url, "stream": STREAM, "group": CONSUMER_GROUP}
            bindings["queue"] = queue
        case "shop-db":
            bindings["database"] = {"kind": "postgresql", "dsn": facts.dsn}
        case "payment":
            flag = f"{facts.flags_url}/flags/{FALLBACK_FLAG}"
            bindings["fallback"] = {
                "kind": "webhook",
                "on": f"{flag}/on",
                "off": f"{flag}/off",
                "status": f"{flag}/status",
            }
    return bindings
