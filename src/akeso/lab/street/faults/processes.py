"""A process is killed, or stopped in the middle of its work."""

import signal

from akeso.lab.street.faults.fault import BOOK_PAGES, LOAN_PAGES, Fault, Truth
from akeso.lab.street.stack.signals import is_stopped, signal_tree
from akeso.lab.street.stack.street import Street


async def _kill(street: Street) -> None:
    for program in await street.supervisor.running("loans"):
        signal_tree(program.pid, signal.SIGKILL)


async def _start(street: Street) -> None:
    await street.start("loans")


async def _is_down(street: Street) -> bool:
    return await street.is_down("loans")


def _stopped(name: str, service: str, kinds: tuple[str, ...], hurts: tuple[str, ...], hurts_within_s: float) -> Fault:
    async def stop(street: Street) -> None:
        for program in await street.supervisor.running(service):
            signal_tree(program.pid, signal.SIGSTOP)

    async def go_on(street: Street) -> None:
        for program in await street.programs(service):
            signal_tree(program.pid, signal.SIGCONT)

    async def stands_still(street: Street) -> bool:
        return any(is_stopped(program.pid) for program in await street.supervisor.running(service))

    return Fault(
        name=name,
        family="process",
        about=f"every process of {service} gets SIGSTOP: it takes connections and never answers",
        undone="SIGCONT",
        truth=Truth((service,), kinds, hurts, (("restart", service),)),
        inject=stop,
        clear=go_on,
        active=stands_still,
        hurts_within_s=hurts_within_s,
    )


KILLED = Fault(
    name="process_killed",
    family="process",
    about="loans gets SIGKILL, and nobody starts it again",
    undone="loans is started",
    truth=Truth(("loans", "loans.internal"), ("crash",), LOAN_PAGES, (("restart", "loans"),)),
    inject=_kill,
    clear=_start,
    active=_is_down,
)
HANGS = ("latency_degradation", "crash", "hang", "deadlock")
FAULTS = (
    KILLED,
    _stopped("process_stopped", "catalog", HANGS, BOOK_PAGES, 15.0),
    _stopped("worker_stopped", "mailer", ("queue_backlog", "crash", "hang"), ("mail",), 20.0),
)
