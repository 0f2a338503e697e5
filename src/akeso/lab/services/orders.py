"""Orders: written to PostgreSQL, then put on the stream for fulfilment."""

from akeso.lab.chassis.database import Statement
from akeso.lab.chassis.floor import Body, Floor, Route, Service

PLACE = Statement("INSERT", "orders", "INSERT INTO orders (sku, cents, charge) VALUES ($1, $2, $3) RETURNING id")
STATUS = Statement(
    "SELECT",
    "orders",
    "SELECT id, extract(epoch FROM fulfilled_at - placed_at)::float8 AS took FROM orders"
    " WHERE id = ANY($1::bigint[]) AND fulfilled_at IS NOT NULL",
)


async def place(floor: Floor, request: Body) -> Body:
    """Record an order and queue it; the caller is answered when both are done."""
    rows = await floor.database.rows(PLACE, request["sku"], int(request["cents"]), request["charge"])
    order = str(rows[0]["id"])
    await floor.valkey.publish(order)
    return {"order": order}


async def status(floor: Floor, request: Body) -> Body:
    """Which of the orders asked for are fulfilled, and how many seconds each took."""
    wanted = [int(part) for part in str(request["ids"]).split(",")]
    rows = await floor.database.rows(STATUS, wanted)
    return {"fulfilled": {str(row["id"]): row["took"] for row in rows}}


SERVICE = Service(routes=(Route("POST", "/orders", place), Route("GET", "/orders", status)))
