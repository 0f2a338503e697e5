"""Leases: one holder an incident, and a fence that grows with every new one."""

from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import tables as t
from akeso.domain.errors import LeaseLost
from akeso.ports.journal import Lease

_NOBODY = ""


async def take(connection: AsyncConnection, incident: str, owner: str, duration: timedelta, at: datetime) -> Lease:
    """Take or renew. Raises LeaseLost while another owner holds it."""
    held = (await connection.execute(select(t.leases).where(t.leases.c.incident == incident))).one_or_none()
    lease = Lease(incident, owner, 1, at + duration)
    if held is None:
        values = {"incident": incident, "owner": owner, "fence": 1, "expires_at": lease.expires_at}
        await connection.execute(insert(t.leases).values(values))
        return lease
    if held.owner not in {owner, _NOBODY} and held.expires_at > at:
        raise LeaseLost(f"{held.owner} works on {incident} until {held.expires_at.isoformat()}")
    fence = held.fence if held.owner == owner else held.fence + 1
    values = {"owner": owner, "fence": fence, "expires_at": lease.expires_at}
    await connection.execute(update(t.leases).where(t.leases.c.incident == incident).values(values))
    return Lease(incident, owner, fence, lease.expires_at)


async def give_back(connection: AsyncConnection, lease: Lease) -> None:
    """The row stays, because the fence must go on growing."""
    await connection.execute(
        update(t.leases)
        .where(t.leases.c.incident == lease.incident, t.leases.c.owner == lease.owner, t.leases.c.fence == lease.fence)
        .values(owner=_NOBODY)
    )


async def check(connection: AsyncConnection, lease: Lease) -> None:
    """Raises LeaseLost when the lease is no longer the newest."""
    mine = select(t.leases.c.fence).where(t.leases.c.incident == lease.incident, t.leases.c.owner == lease.owner)
    if (await connection.execute(mine)).scalar() != lease.fence:
        raise LeaseLost(f"{lease.owner} lost the lease on {lease.incident}")
