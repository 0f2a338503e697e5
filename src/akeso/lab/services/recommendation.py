"""Suggestions for a visitor, the same each time."""

from hashlib import blake2b

from akeso.lab.chassis.floor import Body, Floor, Route, Service
from akeso.lab.shop.blueprint import PRODUCTS

SUGGESTED = 6


async def suggestions(_floor: Floor, request: Body) -> Body:
    """Six products drawn from the visitor's name."""
    digest = blake2b(str(request["visitor"]).encode(), digest_size=2 * SUGGESTED).digest()
    picks = [int.from_bytes(digest[at : at + 2]) % PRODUCTS for at in range(0, len(digest), 2)]
    return {"suggestions": [f"sku-{pick}" for pick in picks]}


SERVICE = Service(routes=(Route("GET", "/suggestions/{visitor}", suggestions),))
