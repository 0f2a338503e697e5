"""The shop's face: passes each journey on to the service that carries it."""

from akeso.lab.chassis.floor import Body, Floor, Route, Service


async def product(floor: Floor, request: Body) -> Body:
    """A product's page."""
    return await floor.upstreams.get("catalog", f"/products/{request['sku']}")


async def suggestions(floor: Floor, request: Body) -> Body:
    """What a visitor might like."""
    return await floor.upstreams.get("recommendation", f"/suggestions/{request['visitor']}")


async def add_to_cart(floor: Floor, request: Body) -> Body:
    """Put a product into a cart."""
    return await floor.upstreams.post("cart", f"/carts/{request['cart']}/items", {"sku": request["sku"]})


async def place_order(floor: Floor, request: Body) -> Body:
    """Buy one product."""
    wanted = {"sku": request["sku"], "card": request["card"]}
    return await floor.upstreams.post("checkout", "/checkouts", wanted)


async def order_status(floor: Floor, request: Body) -> Body:
    """Which of a visitor's orders are fulfilled."""
    return await floor.upstreams.get("orders", f"/orders?ids={request['ids']}")


SERVICE = Service(
    routes=(
        Route("GET", "/products/{sku}", product),
        Route("GET", "/suggestions/{visitor}", suggestions),
        Route("POST", "/carts/{cart}/items", add_to_cart),
        Route("POST", "/orders", place_order),
        Route("GET", "/orders", order_status),
    )
)
