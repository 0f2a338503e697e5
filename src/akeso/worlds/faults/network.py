"""Between services: delay, loss, partitions, names, certificates. Nobody's process is wrong; restarts help nothing."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.answers import Answer
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import CallProtocol, Service, ServiceKind
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies


def _between(stage: Stage, service: str, conditions: tuple[Condition, ...], note: str, entity: str = "") -> Begun:
    harmed = (service, *stage.callers(service))
    return Begun(
        entity=entity or service,
        service=service,
        conditions=stage.turn(*conditions),
        hurts=frozenset({service}),
        harms=remedies(*(("restart", name) for name in harmed)),
        note=note,
    )


def _delay(stage: Stage, mishap: Mishap) -> Begun:
    ms = 2.0 * mishap.strength * stage.promised_ms(mishap.target)
    condition = Condition(Knob.NET_MS, ms, peer=mishap.target)
    return _between(stage, mishap.target, (condition,), f"the way to it takes {ms:.0f} ms more")


def _loss(stage: Stage, mishap: Mishap) -> Begun:
    share = min(0.12 * mishap.strength + stage.promised_ms(mishap.target) / 1000, 0.6)
    condition = Condition(Knob.LOSS, share, peer=mishap.target)
    return _between(stage, mishap.target, (condition,), f"{share:.0%} of packets on the way to it are lost")


def _partition(stage: Stage, mishap: Mishap) -> Begun:
    condition = Condition(Knob.CUT, min(mishap.strength, 1.0), peer=mishap.target)
    return _between(stage, mishap.target, (condition,), "nothing comes through to it")


def _unknown_name(stage: Stage, mishap: Mishap) -> Begun:
    share = min(0.8 * mishap.strength, 1.0)
    condition = Condition(Knob.FAST_FAIL, share, peer=mishap.target, answer=Answer.NAME_UNKNOWN)
    return _between(stage, mishap.target, (condition,), "its name is not resolved", entity="dns")


def _certificate(stage: Stage, mishap: Mishap) -> Begun:
    condition = Condition(Knob.FAST_FAIL, 1.0, peer=mishap.target, answer=Answer.CERTIFICATE)
    begun = _between(stage, mishap.target, (condition,), "its certificate has expired")
    stage.sim.automation[mishap.target, "renew_certificate"] = begun.conditions
    return begun


def _inner(estate: Estate, service: Service) -> bool:
    inside = service.kind in {ServiceKind.WEB, ServiceKind.DATABASE} and bool(estate.callers_of(service.name))
    return inside and called(estate, service)


def _encrypted(estate: Estate, service: Service) -> bool:
    speaks = service.protocol in {CallProtocol.HTTP, CallProtocol.GRPC}
    return (
        speaks and service.kind in {ServiceKind.WEB, ServiceKind.THIRD_PARTY} and bool(estate.callers_of(service.name))
    )


KINDS = (
    Occurrence("network_delay", "a slow way to a service", _delay, _inner, FaultClass.NETWORK_DELAY),
    Occurrence("packet_loss", "packets are lost on the way to a service", _loss, _inner, "packet_loss"),
    Occurrence("partition", "no way to a service", _partition, _inner, FaultClass.NETWORK_DELAY),
    Occurrence(
        "name_resolution", "the name of a service is not resolved", _unknown_name, _inner, FaultClass.ERROR_BURST
    ),
    Occurrence("certificate_expired", "an expired certificate", _certificate, _encrypted, FaultClass.BAD_CONFIGURATION),
)
