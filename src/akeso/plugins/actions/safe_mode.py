"""Let Akeso itself work with rules instead of learned models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from akeso.domain.errors import ActionFailed
from akeso.domain.messages import ConfigUpdate
from akeso.domain.outcome import Done, EffectOutcome, Failed
from akeso.domain.plan import Risk, Step
from akeso.domain.service import ServiceSpec
from akeso.plugins.targets.outcome import recorded, seen, told
from akeso.ports.bus import Bus, Topic
from akeso.ports.clock import Clock

PreState = Mapping[str, str]
ON, OFF = "on", "off"


@dataclass(frozen=True, slots=True)
class Connection:
    """What the running system gives the action. enabled: whether safe mode is on now."""

    bus: Bus
    clock: Clock
    enabled: Callable[[], bool]


class SafeMode:
    """Publishes ConfigUpdate("safe_mode", "on" | "off"). Parameter `mode`: on (default) or off.

    Does nothing until the composition root has connected it.
    """

    name = "safe_mode"
    reversible = True
    risk = Risk.LOW
    binding = ""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def connect(self, bus: Bus, clock: Clock, enabled: Callable[[], bool]) -> None:
        """Called once by the composition root."""
        self.connection = Connection(bus, clock, enabled)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """How safe mode stands."""
        del service
        _mode(step)
        return {"mode": ON if self._connected().enabled() else OFF}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says how it stands and what it would be."""
        state = await self.capture(step, service)
        return f"Switch safe mode {_mode(step)}; it is {state['mode']} now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once every agent has been told."""
        del service, pre_state
        return await told(self._publish(lambda: _mode(step), key))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """As it was."""
        del step, service
        return await told(self._publish(lambda: recorded(pre_state, "mode"), f"{key}:undo"))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether safe mode stands as the step wants it."""
        del service, key, pre_state
        return await seen(self._check(step))

    async def _check(self, step: Step) -> EffectOutcome:
        wanted, now = _mode(step), ON if self._connected().enabled() else OFF
        return Done(f"safe mode is {now}") if now == wanted else Failed(f"safe mode is {now}")

    async def _publish(self, mode: Callable[[], str], key: str) -> EffectOutcome:
        connection, value = self._connected(), mode()
        update = ConfigUpdate("safe_mode", value, connection.clock.now(), self.name, key)
        await connection.bus.publish(Topic.CONFIG_UPDATES, "safe_mode", update)
        return Done(f"safe mode {value} was announced")

    def _connected(self) -> Connection:
        if self.connection is None:
            raise ActionFailed("safe mode is not connected to the running system")
        return self.connection


def _mode(step: Step) -> str:
    mode = step.parameters.get("mode", ON)
    if mode not in {ON, OFF}:
        raise ActionFailed(f"parameters.mode: on or off is wanted, not {mode!r}")
    return mode
