"""Telemetry that stops while everything goes on."""

from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Outage
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies


def _until_ended(stage: Stage) -> bool:
    del stage
    return False


def _lost(stage: Stage, mishap: Mishap, scope: str, note: str) -> Begun:
    name = "" if scope == "all" else mishap.target
    stage.say(Outage(stage.now, scope, name, lost=True))
    services = [s.name for s in stage.estate.services] if scope == "all" else [mishap.target]
    return Begun(
        entity=name or "collector",
        service=mishap.target,
        finish=lambda later: later.say(Outage(later.now, scope, name, lost=False)),
        over=_until_ended,
        harms=remedies(*(("restart", service) for service in services)),
        note=note,
    )


def _collector(stage: Stage, mishap: Mishap) -> Begun:
    return _lost(stage, mishap, "all", "the collector is dead: nothing is heard of anybody")


def _exporter(stage: Stage, mishap: Mishap) -> Begun:
    return _lost(stage, mishap, "service", "its exporter is dead")


def _agent(stage: Stage, mishap: Mishap) -> Begun:
    return _lost(stage, mishap, "node", "the agent of a machine is dead")


def _any(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.GATEWAY and called(estate, service)


def _heard(estate: Estate, service: Service) -> bool:
    return service.kind not in {ServiceKind.THIRD_PARTY, ServiceKind.BATCH} and called(estate, service)


KINDS = (
    Occurrence("collector_dead", "nothing is heard", _collector, _any, ordinary=True, gap=True, hurts_within_s=0),
    Occurrence(
        "exporter_dead", "a service is not heard of", _exporter, _heard, ordinary=True, gap=True, hurts_within_s=0
    ),
    Occurrence(
        "agent_dead", "a machine is not heard of", _agent, _heard, on="node", ordinary=True, gap=True, hurts_within_s=0
    ),
)
