"""Faults around the services: a forgotten transaction, a slow provider, a crowd of visitors."""

import json
from random import Random

import asyncpg

from akeso.lab.analyst import LOCKABLE, ORDER_FILE
from akeso.lab.faults.fault import Fault, Injection, Parameters, Site
from akeso.lab.shop.blueprint import FALLBACK_FLAG, SHOP
from akeso.lab.shop.folder import write_atomically
from akeso.lab.shop.running import eventually, exchange

ANALYST = "analyst:analyst"
JOURNEY_OF = {"catalog": "browse", "recommendation": "suggest", "cart": "cart"}
SURGE_FACTORS = {"catalog": (5.5, 6.5), "recommendation": (10.0, 12.0), "cart": (10.0, 12.0)}
HOLDERS = """
SELECT pid FROM pg_stat_activity
 WHERE application_name = 'analyst' AND state = 'idle in transaction' AND pid <> pg_backend_pid()
"""


def _draw_table(random: Random, _target: str) -> Parameters:
    return {"table": random.choice(LOCKABLE)}


async def _lock(site: Site, injection: Injection) -> None:
    order = {"table": injection.parameters["table"]}
    write_atomically(site.shop.folder.path / ORDER_FILE, json.dumps(order))
    await site.shop.supervisor.start(ANALYST)
    await eventually(lambda: _is_locked(site, injection), "the lock being held", 10.0)


async def _is_locked(site: Site, _injection: Injection) -> bool:
    return bool(await _holders(site))


async def _end_session(site: Site, _injection: Injection) -> None:
    for pid in await _holders(site):
        connection = await asyncpg.connect(site.shop.facts.dsn)
        try:
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
        finally:
            await connection.close()


async def _send_analyst_home(site: Site, _injection: Injection) -> None:
    await site.shop.supervisor.stop(ANALYST)


async def _holders(site: Site) -> list[int]:
    connection = await asyncpg.connect(site.shop.facts.dsn)
    try:
        return [row["pid"] for row in await connection.fetch(HOLDERS)]
    finally:
        await connection.close()


def _draw_delay(random: Random, _target: str) -> Parameters:
    return {"latency_ms": random.randint(700, 1300)}


async def _slow_down(site: Site, injection: Injection) -> None:
    await site.shop.set_condition(injection.target, "latency", injection.parameters["latency_ms"])


async def _is_slow_and_used(site: Site, injection: Injection) -> bool:
    return await site.shop.has_condition(injection.target, "latency") and not await _falls_back(site)


async def _falls_back(site: Site) -> bool:
    answer = await exchange("GET", f"{site.shop.facts.flags_url}/flags/{FALLBACK_FLAG}/status")
    return bool(answer["enabled"])


async def _switch_fallback_on(site: Site, _injection: Injection) -> None:
    await exchange("POST", f"{site.shop.facts.flags_url}/flags/{FALLBACK_FLAG}/on")


async def _back_to_the_bank(site: Site, injection: Injection) -> None:
    await site.shop.lift_conditions(injection.target)
    await exchange("POST", f"{site.shop.facts.flags_url}/flags/{FALLBACK_FLAG}/off")


def _draw_crowd(random: Random, target: str) -> Parameters:
    return {"journey": JOURNEY_OF[target], "factor": round(random.uniform(*SURGE_FACTORS[target]), 1)}


async def _crowd(site: Site, injection: Injection) -> None:
    await site.visitors.surge(injection.parameters["journey"], injection.parameters["factor"], ramp_s=1.0)


async def _is_crowded(site: Site, injection: Injection) -> bool:
    view = await site.visitors.view()
    more = len(site.shop.instances(injection.target)) > SHOP[injection.target].instances
    return bool(view.raw["surge"]["factor"] > 1) and not more


async def _scale_out(site: Site, injection: Injection) -> None:
    await site.shop.start(injection.target, SHOP[injection.target].program_names[1])


async def _disperse(site: Site, _injection: Injection) -> None:
    await site.visitors.end_surge()


DB_LOCK = Fault(
    name="db_lock",
    fault_class="lock_contention",
    targets=("shop-db",),
    remedies=("end_database_session",),
    draw=_draw_table,
    inject=_lock,
    active=_is_locked,
    remedy=_end_session,
    clear=_send_analyst_home,
)
SLOW_EXTERNAL = Fault(
    name="slow_external",
    fault_class="slow_dependency",
    targets=("bank",),
    remedies=("switch_fallback",),
    draw=_draw_delay,
    inject=_slow_down,
    active=_is_slow_and_used,
    remedy=_switch_fallback_on,
    clear=_back_to_the_bank,
    remedy_targets=("payment", "bank"),
)
TRAFFIC_SURGE = Fault(
    name="traffic_surge",
    fault_class="traffic_surge",
    targets=("catalog", "recommendation", "cart"),
    remedies=("scale_out",),
    draw=_draw_crowd,
    inject=_crowd,
    active=_is_crowded,
    remedy=_scale_out,
    clear=_disperse,
)
