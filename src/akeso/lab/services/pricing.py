"""Prices."""

from hashlib import blake2b

from akeso.lab.chassis.floor import Body, Floor, Route, Service


async def quote(_floor: Floor, request: Body) -> Body:
    """The price of a product, between 5 and 205."""
    drawn = int.from_bytes(blake2b(str(request["sku"]).encode(), digest_size=4).digest())
    return {"sku": request["sku"], "cents": 500 + drawn % 20_000}


SERVICE = Service(routes=(Route("POST", "/quotes", quote),))
