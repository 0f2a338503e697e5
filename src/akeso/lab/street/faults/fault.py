"""What a fault of the street is: how it is brought about and undone, and what the truth about it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from akeso.lab.street.stack.disk import LOOP, PLAIN
from akeso.lab.street.stack.street import Street

Effect = Callable[[Street], Awaitable[None]]
Probe = Callable[[Street], Awaitable[bool]]
# disk: a small one of its own, so that filling it hurts nobody else. loop: one on a loop device.
Need = Literal["network", "disk", "loop"]


@dataclass(frozen=True, slots=True)
class Truth:
    """entities: the names under which the cause is rightly known, the usual one first. kinds: the fault classes that
    are right. hurts: whose requests suffer, as visitors' habits. remedies: acceptable (action, target)."""

    entities: tuple[str, ...]
    kinds: tuple[str, ...]
    hurts: tuple[str, ...] = ()
    remedies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happens. benign: nobody is worse off, so nothing may come of it. needs: what it cannot do without.

    undone: what undoes it, in words. hurts_within_s: from the injection until visitors feel it; well_within_s: from the
    undoing until they feel it no more.
    """

    name: str
    family: str
    about: str
    undone: str
    truth: Truth
    inject: Effect
    clear: Effect
    active: Probe
    benign: bool = False
    needs: tuple[Need, ...] = ()
    hurts_within_s: float = 15.0
    well_within_s: float = 45.0

    def possible_on(self, street: Street) -> bool:
        """Whether this street has what it needs."""
        facts = street.facts
        has = {"network": facts.own_network, "disk": facts.disk != PLAIN, "loop": facts.disk == LOOP}
        return all(has[need] for need in self.needs)


EVERY_PAGE = ("home", "book", "search", "member", "borrow")
BOOK_PAGES = ("home", "book", "search")
LOAN_PAGES = ("member", "borrow")


def right_name(entities: tuple[str, ...], named: str) -> bool:
    """Whether a name means one of them: letter case, a port, an address's or a pool's addition do not matter."""
    plain = named.lower().split("/")[-1].split(":")[0]
    return plain in entities or plain.split(".")[0] in entities or named.lower() in entities
