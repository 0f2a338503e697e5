"""Products with what is left of them."""

from akeso.lab.chassis.floor import Body, Floor, Route, Service


async def product(floor: Floor, request: Body) -> Body:
    """A product and its stock."""
    sku = str(request["sku"])
    stock = await floor.upstreams.get("inventory", f"/stock/{sku}")
    return {"sku": sku, "name": f"Product {sku.removeprefix('sku-')}", "available": stock["available"]}


SERVICE = Service(routes=(Route("GET", "/products/{sku}", product),))
