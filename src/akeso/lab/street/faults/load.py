"""More visitors than the library was made for."""

from akeso.lab.load.surge import EVERY_JOURNEY
from akeso.lab.street.faults.fault import EVERY_PAGE, Fault, Truth
from akeso.lab.street.stack.street import Street

FACTOR = 12.0


async def _crowd(street: Street) -> None:
    await street.visitors.surge(EVERY_JOURNEY, FACTOR, ramp_s=5.0)


async def _disperse(street: Street) -> None:
    await street.visitors.end_surge()


async def _crowded(street: Street) -> bool:
    view = await street.visitors.view()
    return bool(view.raw["surge"]["factor"] > 1)


FAULTS = (
    Fault(
        name="traffic_surge",
        family="load",
        about=f"{FACTOR:.0f} times as many visitors as usual",
        undone="they go",
        truth=Truth(("web", "nginx", "catalog"), ("traffic_surge",), EVERY_PAGE, (("scale_out", "web"),)),
        inject=_crowd,
        clear=_disperse,
        active=_crowded,
        hurts_within_s=40.0,
    ),
)
