"""Whose labels the detection pipeline is judged by: an administrator's, or what two people say alike."""

from collections import OrderedDict
from datetime import datetime

from akeso.domain.estate.access import Caller, Role

_MOST = 10_000
_AGREED = 2


class LabelBook:
    """Remembers what people below administrators said of a service and minute, for the next who says the same."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str, int, bool], set[str]] = OrderedDict()

    def counts(self, caller: Caller, service: str, at: datetime, *, anomalous: bool) -> bool:
        """Whether the label of a caller counts: at once of an administrator, else when it is the second person of the
        tenant to say so of this service and minute. Each minute counts once."""
        if caller.role >= Role.ADMIN:
            return True
        place = caller.tenant, service, int(at.timestamp()) // 60, anomalous
        people = self._said.setdefault(place, set())
        if len(self._said) > _MOST:
            self._said.popitem(last=False)
        new = caller.name not in people
        people.add(caller.name)
        return new and len(people) == _AGREED
