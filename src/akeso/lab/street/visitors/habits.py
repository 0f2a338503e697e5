"""What the library's visitors do, and how often. Popular books are read more, and some follow links that are dead."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from akeso.lab.load.journeys import Request
from akeso.lab.street.stack.postgres import BOOKS

MEMBERS = 400
POPULARITY = 1.2
WAVE_S, WAVE = 240.0, 0.2
BORROW = "borrow"


@dataclass(frozen=True, slots=True)
class Habit:
    """rate: how often a second, all visitors together, on average."""

    name: str
    rate: float
    draw: Callable[[Random], Request]


def tide(at: float) -> float:
    """More come and fewer, slowly: the factor on every rate at a time in seconds."""
    return 1.0 + WAVE * math.sin(2.0 * math.pi * at / WAVE_S)


def _home(_random: Random) -> Request:
    return Request("GET", "/")


def _book(random: Random) -> Request:
    return Request("GET", f"/books/{_popular(random)}")


def _dead_link(random: Random) -> Request:
    return Request("GET", f"/books/{BOOKS + random.randrange(1, 100_000)}")


def _search(random: Random) -> Request:
    return Request("GET", f"/search?q={random.randrange(16**3):03x}")


def _member(random: Random) -> Request:
    return Request("GET", f"/members/{random.randrange(MEMBERS)}/loans")


def _borrow(random: Random) -> Request:
    return Request("POST", "/loans", {"book": _popular(random), "member": random.randrange(MEMBERS)})


def _popular(random: Random) -> int:
    return min(BOOKS, int(random.paretovariate(POPULARITY) * 3))


HABITS = (
    Habit("home", 2.5, _home),
    Habit("book", 4.0, _book),
    Habit("search", 1.5, _search),
    Habit("member", 1.5, _member),
    Habit(BORROW, 1.5, _borrow),
    Habit("dead link", 0.3, _dead_link),
)
