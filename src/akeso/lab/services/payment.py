"""Charges cards at the bank, or at its stand-in while the feature flag `fallback` is on."""

import json

from akeso.lab.chassis.floor import Body, Floor, Route, Service
from akeso.lab.shop.blueprint import FALLBACK_FLAG

READ_EVERY_S = 0.5

_provider = {"name": "bank"}


async def charge(floor: Floor, request: Body) -> Body:
    """Have a card charged by the provider in force."""
    provider = _provider["name"]
    answer = await floor.upstreams.post(
        provider, "/authorisations", {"card": request["card"], "cents": request["cents"]}
    )
    floor.telemetry.log.info("card charged", provider=provider, cents=int(request["cents"]))
    return {"charge": answer["authorisation"], "provider": provider}


async def follow_flag(floor: Floor) -> None:
    """Read the flag twice a second."""
    file = floor.identity.folder.flag(FALLBACK_FLAG)
    while not floor.stopping.is_set():
        provider = "bank-backup" if file.exists() and json.loads(file.read_text())["enabled"] else "bank"
        if provider != _provider["name"]:
            floor.telemetry.log.info(f"payment provider is now {provider}")
            _provider["name"] = provider
        await floor.pause(READ_EVERY_S)


SERVICE = Service(routes=(Route("POST", "/charges", charge),), tasks=(follow_flag,))
