"""What every action has to keep to, and an action that does as a test says."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import Binding, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.plugins.discovery import discover
from akeso.ports.action import Action, change_kind, example_binding, on_akeso

PreState = Mapping[str, str]


def unreachable(binding: Binding, port: int) -> Binding:
    """The same with addresses of this machine at a port, which nobody listens on."""
    return {name: re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", value) for name, value in binding.items()}


def example_bindings(port: int) -> dict[str, Binding]:
    """What the actions that discovery finds show of their bindings, with targets that do not exist."""
    shown = {plugin.binding: example_binding(plugin) for plugin in discover("actions").values() if plugin.binding}
    return {name: unreachable(binding, port) for name, binding in shown.items()}


class ActionConformance:
    """Checks that hold for every action; a test calls each with an action and a port nobody listens on.

    binding: a complete one to a target that does not exist; the action's own example when None.
    """

    limit_s = 5.0

    def __init__(self, action: Action, port: int, binding: Binding | None = None) -> None:
        self.action = action
        bindings = example_bindings(port)
        if action.binding:
            bindings[action.binding] = binding or unreachable(example_binding(action), port)
        self.service = ServiceSpec("payments", bindings=bindings)
        self.step = Step("step-1", action.name, "payments")

    def describes_itself(self) -> None:
        """Name, risk, reversibility and binding are what the port says."""
        assert isinstance(self.action, Action)
        assert self.action.name.isidentifier()
        assert self.action.name == self.action.name.lower()
        assert isinstance(self.action.risk, Risk)
        assert isinstance(self.action.reversible, bool)
        assert isinstance(self.action.binding, str)
        kinds = change_kind(self.action)
        assert kinds is None or all(isinstance(kind, str) and kind for kind in kinds)
        assert not (on_akeso(self.action) and self.action.binding), "what acts on Akeso needs no binding"

    def shows_its_binding(self) -> None:
        """An action that needs a binding shows a complete one, with its kind."""
        if self.action.binding:
            example = example_binding(self.action)
            assert example.get("kind"), f"{self.action.name}: example_binding with a kind is wanted, not {example!r}"
            assert all(isinstance(value, str) and value for value in example.values())

    async def names_a_missing_field(self) -> None:
        """Without one of the fields of its example, or with an empty one, the failure names the field."""
        example = self.service.bindings.get(self.action.binding, {}) if self.action.binding else {}
        for field_name in sorted(example.keys() - {"kind"}):
            left = {name: value for name, value in example.items() if name != field_name}
            for binding in (left, {**left, field_name: ""}):
                await self._refuses(binding, f"bindings.{self.action.binding}.{field_name}")

    async def names_what_is_missing(self) -> None:
        """Without its binding, or with one of the wrong kind or an empty field, the failure names the field."""
        if not self.action.binding:
            return
        await self._refuses(None, f"bindings.{self.action.binding}")
        complete = self.service.bindings[self.action.binding]
        await self._refuses({**complete, "kind": "carrier-pigeon"}, f"bindings.{self.action.binding}.kind")

    async def never_claims_success_without_a_target(self) -> None:
        """With a target that does not exist nothing raises but capture and preview, and nothing is Done."""
        started = time.monotonic()
        await self._cannot_be_looked_at(self.service)
        for pre_state in ({}, {"due": "a", "at": "0", "member.a": "RUNNING 1 1", "current": "1", "previous": "2"}):
            for outcome in await self._outcomes(pre_state):
                assert isinstance(outcome, Failed | Unknown), outcome
                assert outcome.why
        assert time.monotonic() - started < self.limit_s

    async def cannot_undo_what_is_irreversible(self) -> None:
        """An irreversible action's undo fails rather than pretends."""
        if not self.action.reversible:
            assert isinstance(await self.action.undo(self.step, self.service, "key", {}), Failed)

    async def _refuses(self, binding: Binding | None, naming: str) -> None:
        others = {k: v for k, v in self.service.bindings.items() if k != self.action.binding}
        bindings = others if binding is None else {**others, self.action.binding: binding}
        service = replace(self.service, bindings=bindings)
        for failure in await self._cannot_be_looked_at(service):
            assert naming in failure, failure
        outcome = await self.action.apply(self.step, service, "key", {})
        assert isinstance(outcome, Failed), outcome

    async def _cannot_be_looked_at(self, service: ServiceSpec) -> list[str]:
        failures = []
        for look in (self.action.capture, self.action.preview):
            try:
                found = await look(self.step, service)
            except ActionFailed as exc:
                failures.append(str(exc))
            else:
                # What keeps nothing about its target (a webhook) can be captured without it.
                assert service is self.service, f"{self.action.name} took a wrong binding: {found!r}"
        return failures

    async def _outcomes(self, pre_state: PreState) -> list[EffectOutcome]:
        calls = [self.action.apply, self.action.check, *([self.action.undo] if self.action.reversible else [])]
        return [await call(self.step, self.service, "key", pre_state) for call in calls]


@dataclass
class ScriptedAction:
    """An action that answers as told and remembers what it was asked; `applied` and `undone` hold the keys."""

    name: str = "restart"
    reversible: bool = True
    risk: Risk = Risk.LOW
    binding: str = ""
    outcome: EffectOutcome = field(default_factory=lambda: Done("as told"))
    undo_outcome: EffectOutcome = field(default_factory=lambda: Done("undone as told"))
    pre_state: PreState | ActionFailed = field(default_factory=lambda: {"was": "so"})
    applied: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """The scripted pre-state, or the scripted failure."""
        del step, service
        if isinstance(self.pre_state, ActionFailed):
            raise self.pre_state
        return self.pre_state

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """A sentence with the step's facts."""
        await self.capture(step, service)
        return f"{self.name} {service.name}"

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """The scripted outcome; a key counts once, as with a target that understands idempotency keys."""
        del step, service, pre_state
        if isinstance(self.outcome, Done) and key not in self.applied:
            self.applied.append(key)
        return self.outcome

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """The scripted outcome of undoing."""
        del step, service, pre_state
        if isinstance(self.undo_outcome, Done):
            self.undone.append(key)
        return self.undo_outcome

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """What was really done."""
        del step, service, pre_state
        return Done("it was applied") if key in self.applied else Failed("it was not applied")
