"""Turns a wish into an order: price, reservation, charge, order."""

from akeso.lab.chassis.floor import Body, Floor, Route, Service


async def checkout(floor: Floor, request: Body) -> Body:
    """The steps of a purchase in their order; any that fails fails the purchase."""
    calls = floor.upstreams
    sku = {"sku": request["sku"]}
    quote = await calls.post("pricing", "/quotes", sku)
    reservation = await calls.post("inventory", "/reservations", sku)
    charge = await calls.post("payment", "/charges", {"card": request["card"], "cents": quote["cents"]})
    order = await calls.post("orders", "/orders", {**sku, "cents": quote["cents"], "charge": charge["charge"]})
    floor.telemetry.log.info("order placed", order=order["order"], reservation=reservation["reservation"])
    return {"order": order["order"], "cents": quote["cents"]}


SERVICE = Service(routes=(Route("POST", "/checkouts", checkout),))
