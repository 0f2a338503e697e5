"""What visitors do, and how often."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from akeso.lab.shop.blueprint import PRODUCTS


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a visitor to the frontend."""

    method: str
    path: str
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """`rate` is in arrivals a second at base load."""

    name: str
    rate: float
    draw: Callable[[Random], Request]


def _browse(random: Random) -> Request:
    return Request("GET", f"/products/{_sku(random)}")


def _suggest(random: Random) -> Request:
    return Request("GET", f"/suggestions/visitor-{random.randrange(5000)}")


def _cart(random: Random) -> Request:
    return Request("POST", f"/carts/{random.randrange(500)}/items", {"sku": _sku(random)})


def _checkout(random: Random) -> Request:
    return Request("POST", "/orders", {"sku": _sku(random), "card": f"card-{random.randrange(5000)}"})


def _sku(random: Random) -> str:
    return f"sku-{random.randrange(PRODUCTS)}"


JOURNEYS = (
    Journey("browse", 8.0, _browse),
    Journey("suggest", 5.0, _suggest),
    Journey("cart", 5.0, _cart),
    Journey("checkout", 4.0, _checkout),
)
