"""How strong a fault must be to be felt: measured in what users of a service were promised."""

from collections.abc import Iterable

from akeso.worlds.estate.service import Call, ServiceKind
from akeso.worlds.stage import Stage


def slowing(stage: Stage, service: str, strength: float) -> float:
    """The factor on a service's processor time that makes its requests about twice as slow as promised."""
    cpu = max(_mean(stage, service, stage.sim.state.cpu_ms), 0.05)
    return 1 + 2.0 * strength * stage.promised_ms(service) / cpu


def delay_ms(stage: Stage, service: str, strength: float) -> float:
    """The delay of every request that makes it about twice as slow as promised."""
    return 2.0 * strength * stage.promised_ms(service)


def arrivals(stage: Stage, service: str) -> float:
    """Requests a second that an instance of a service gets."""
    return _mean(stage, service, stage.sim.state.arrivals)


def busy_cores(stage: Stage, service: str) -> float:
    """Cores that an instance of a service uses."""
    return arrivals(stage, service) * _mean(stage, service, stage.sim.state.cpu_ms) / 1000


def calls_of(stage: Stage, service: str) -> tuple[Call, ...]:
    """The calls a service cannot do without, those it makes most first."""
    calls = [(o.name, c) for o in stage.estate[service].operations for c in o.calls if not c.optional]
    made = _made(stage, service)
    order = sorted(calls, key=lambda it: (it[1].cached_by != "", -made.get((it[0], it[1].service), 0.0)))
    return tuple(call for _, call in order)


def _made(stage: Stage, service: str) -> dict[tuple[str, str], float]:
    """(operation, callee) → calls a second that a service made just now."""
    layout, rates = stage.sim.layout, stage.sim.leg_rates
    row = stage.estate.row_of[service]
    made: dict[tuple[str, str], float] = {}
    for leg, site_row in enumerate(layout.leg_site):
        site = layout.sites[site_row]
        if site.caller == row:
            key = (site.caller_operation, layout.services[site.callee].name)
            made[key] = made.get(key, 0.0) + float(rates[leg])
    return made


def busiest_caller(stage: Stage, service: str) -> str:
    """Who calls a service most, of those that cannot do without; "" where nobody does."""
    found = [(c.mean, name) for name in stage.callers(service) for c in calls_of(stage, name) if c.service == service]
    return max(found, default=(0.0, ""))[1]


def topic_workers(stage: Stage, queue: str) -> tuple[str, ...]:
    """Who takes messages from a broker."""
    return tuple(
        s.name for s in stage.estate.services if s.kind is ServiceKind.WORKER and (s.consumes or ("",))[0] == queue
    )


def _mean(stage: Stage, service: str, values: Iterable[float]) -> float:
    rows = set(stage.rows(service))
    some = [float(value) for row, value in enumerate(values) if row in rows]
    return sum(some) / max(len(some), 1)
