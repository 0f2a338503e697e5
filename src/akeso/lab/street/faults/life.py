"""What happens on ordinary days and is no fault: nothing may come of it."""

from akeso.lab.shop.running import eventually
from akeso.lab.street.faults.changes import deploy
from akeso.lab.street.faults.fault import Fault, Truth
from akeso.lab.street.stack.services import JOB
from akeso.lab.street.stack.street import Street

NOBODY = Truth((), ())
JOB_WITHIN_S = 180.0
SURPLUS = "catalog:catalog_1"


async def run_job(street: Street) -> None:
    """Start the nightly job and wait for its end."""
    await street.start(JOB)
    await eventually(lambda: street.is_down(JOB), "the end of the nightly job", JOB_WITHIN_S)


async def fine_deploy(street: Street) -> None:
    """A release of the catalog that works."""
    await deploy(street, "catalog", {})


async def _scale_down(street: Street) -> None:
    await street.supervisor.stop(SURPLUS)
    await street.announce("catalog", "scale", "1")


async def _scale_up(street: Street) -> None:
    await street.start("catalog")
    await street.announce("catalog", "scale", "2")


async def _is_single(street: Street) -> bool:
    return len(await street.supervisor.running("catalog")) == 1


async def _nothing(_street: Street) -> None:
    return


async def _never(_street: Street) -> bool:
    return False


FAULTS = (
    Fault(
        "scale_down", "life", "the second instance of catalog is stopped on purpose", "it is started again",
        NOBODY, _scale_down, _scale_up, _is_single, benign=True,
    ),
    Fault(
        "job_ends", "life", "the nightly job runs and ends", "nothing", NOBODY, run_job, _nothing, _never, benign=True
    ),
    Fault(
        "fine_deploy", "life", "a release of catalog that works is rolled out", "nothing",
        NOBODY, fine_deploy, _nothing, _never, benign=True,
    ),
)  # fmt: skip
