"""Carts, kept in Valkey."""

from akeso.lab.chassis.floor import Body, Floor, Route, Service


async def add_item(floor: Floor, request: Body) -> Body:
    """One more of a product in a cart."""
    quantity = await floor.valkey.add_to_cart(str(request["cart"]), str(request["sku"]))
    return {"sku": request["sku"], "quantity": quantity}


SERVICE = Service(routes=(Route("POST", "/carts/{cart}/items", add_item),))
