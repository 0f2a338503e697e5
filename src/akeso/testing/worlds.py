"""A small scripted scene: three services that tell how they fare by simple events, four times a second."""

import json
from collections.abc import Mapping

from akeso.domain.incident.outcome import Done, EffectOutcome
from akeso.worlds.delivery import Delivery

SECOND = 10**9
START = 1_900_000_000 * SECOND
_EVERY = SECOND // 4


class Shop:
    """`pay` fails from `fails_s` on, until somebody restarts it. acts: (action, target) that were done."""

    def __init__(self, fails_s: float = 60.0) -> None:
        self.now, self.acts = START, list[tuple[str, str]]()
        self._fails, self._mended = START + round(fails_s * SECOND), False

    def advance(self, until: int) -> list[Delivery]:
        due = range(self.now // _EVERY * _EVERY + _EVERY, until + 1, _EVERY)
        self.now = until
        return [self._told(at, name) for at in due for name in ("cart", "pay", "web")]

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] | None = None, *, undo: bool = False
    ) -> EffectOutcome:
        del parameters, undo
        self.acts.append((action, target))
        self._mended = self._mended or target == "pay"
        return Done(f"{action} {target}")

    def look(self, action: str, target: str) -> Mapping[str, str]:
        del action
        return {"state": "ill" if target == "pay" else "well"}

    def _told(self, at: int, name: str) -> Delivery:
        ill = name == "pay" and at > self._fails and not self._mended
        latency = 20 + at // _EVERY * 7919 % 7
        body = {"component": name, "latency": 900 if ill else latency, "error_rate": 0.5 if ill else 0.0}
        return Delivery(at, name, "/add-event", {"content-type": "application/json"}, json.dumps(body).encode())
