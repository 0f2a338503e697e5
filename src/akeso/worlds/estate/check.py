"""Whether an estate holds together."""

from collections import Counter
from collections.abc import Iterator

from akeso.domain.errors import InvalidInput
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Call, Operation, Service, ServiceKind

Key = tuple[str, str]


def check(estate: Estate) -> None:
    """Raises InvalidInput, naming the field: a name twice, a call to nobody, a circle of calls, a queue that is
    none."""
    _check_names("services", [s.name for s in estate.services])
    _check_names("nodes", [n.name for n in estate.nodes])
    for service in estate.services:
        _check_service(estate, service)
    for row, traffic in enumerate(estate.traffic):
        _find(estate, f"traffic.{row}", traffic.service, traffic.operation)
    levels(estate)


def levels(estate: Estate) -> dict[Key, int]:
    """(service, operation) → the length of the longest chain of calls below it. Raises InvalidInput for a circle."""
    found: dict[Key, int] = {}
    for service in estate.services:
        for operation in service.operations:
            _level(estate, (service.name, operation.name), found, ())
    return found


def _level(estate: Estate, key: Key, found: dict[Key, int], way: tuple[Key, ...]) -> int:
    if key in way:
        circle = " → ".join(f"{s} {o}" for s, o in (*way, key))
        raise InvalidInput(f"services.{key[0]}.operations.{key[1]}.calls", f"a circle of calls: {circle}")
    if key not in found:
        calls = estate[key[0]].operation(key[1]).calls
        below = [_level(estate, (c.service, c.operation), found, (*way, key)) for c in calls]
        found[key] = 1 + max(below, default=-1)
    return found[key]


def _check_names(field: str, names: list[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidInput(field, f"{twice[0]} is there twice")
    if "" in names:
        raise InvalidInput(field, "a name is empty")


def _check_service(estate: Estate, service: Service) -> None:
    at = f"services.{service.name}"
    if not service.operations:
        raise InvalidInput(f"{at}.operations", "there is none")
    _check_names(f"{at}.operations", [o.name for o in service.operations])
    if service.replicas < 1:
        raise InvalidInput(f"{at}.replicas", "must be at least 1")
    for operation, call in _calls(service):
        field = f"{at}.operations.{operation.name}.calls.{call.service}"
        _find(estate, field, call.service, call.operation)
        if call.cached_by and call.cached_by not in estate.row_of:
            raise InvalidInput(f"{field}.cached_by", f"there is no service {call.cached_by}")
    if service.kind is ServiceKind.WORKER and service.consumes is None:
        raise InvalidInput(f"{at}.consumes", "a worker needs a queue and a topic")
    if service.consumes is not None:
        queue, topic = service.consumes
        _find(estate, f"{at}.consumes", queue, topic)
        if estate[queue].kind is not ServiceKind.QUEUE:
            raise InvalidInput(f"{at}.consumes", f"{queue} is a {estate[queue].kind}, not a queue")
    if service.kind is ServiceKind.BATCH and service.schedule is None:
        raise InvalidInput(f"{at}.schedule", "a batch job needs one")


def _calls(service: Service) -> Iterator[tuple[Operation, Call]]:
    for operation in service.operations:
        for call in operation.calls:
            yield operation, call


def _find(estate: Estate, field: str, service: str, operation: str) -> None:
    if service not in estate.row_of:
        raise InvalidInput(field, f"there is no service {service}")
    if all(o.name != operation for o in estate[service].operations):
        raise InvalidInput(field, f"{service} has no operation {operation}")
