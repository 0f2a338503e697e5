"""Stock and reservations, kept in PostgreSQL."""

from akeso.lab.chassis.database import Statement
from akeso.lab.chassis.floor import Body, Floor, Route, Service
from akeso.lab.errors import NotFound

READ = Statement("SELECT", "stock", "SELECT available FROM stock WHERE sku = $1")
RESERVE = Statement("UPDATE", "stock", "UPDATE stock SET reserved = reserved + 1 WHERE sku = $1 RETURNING reserved")


async def stock(floor: Floor, request: Body) -> Body:
    """What is left of a product."""
    rows = await floor.database.rows(READ, request["sku"])
    if not rows:
        raise NotFound(f"no product {request['sku']}")
    return {"sku": request["sku"], "available": rows[0]["available"]}


async def reserve(floor: Floor, request: Body) -> Body:
    """Put one piece of a product aside."""
    rows = await floor.database.rows(RESERVE, request["sku"])
    if not rows:
        raise NotFound(f"no product {request['sku']}")
    return {"sku": request["sku"], "reservation": rows[0]["reserved"]}


SERVICE = Service(routes=(Route("GET", "/stock/{sku}", stock), Route("POST", "/reservations", reserve)))
