"""A server that others depend on is stopped, as by a hand or an update."""

from akeso.lab.street.faults.fault import EVERY_PAGE, Fault, Truth
from akeso.lab.street.stack.street import Street


def _stopped(service: str, aliases: tuple[str, ...], hurts: tuple[str, ...], well_within_s: float) -> Fault:
    async def stop(street: Street) -> None:
        await street.stop(service)

    async def start(street: Street) -> None:
        await street.start(service)

    async def is_down(street: Street) -> bool:
        return await street.is_down(service)

    return Fault(
        name=f"{service}_stopped",
        family="dependency",
        about=f"{service} is stopped cleanly",
        undone=f"{service} is started",
        truth=Truth((service, *aliases), ("crash", "dependency_down"), hurts, (("restart", service),)),
        inject=stop,
        clear=start,
        active=is_down,
        well_within_s=well_within_s,
    )


REDIS_STOPPED = _stopped("redis", ("cache", "cache.internal", "redis-exporter"), EVERY_PAGE, 30.0)
POSTGRES_STOPPED = _stopped("postgres", ("postgresql", "db", "db.internal", "postgres-exporter"), EVERY_PAGE, 45.0)
RABBITMQ_STOPPED = _stopped("rabbitmq", ("queue", "queue.internal", "notices"), ("borrow",), 60.0)
FAULTS = (REDIS_STOPPED, POSTGRES_STOPPED, RABBITMQ_STOPPED)
