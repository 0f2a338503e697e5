"""The composition of what heals, for a running system and for a replay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

from akeso.agents.incidents.gate import Gate, PolicyInputs
from akeso.agents.incidents.healing import HealingOptions
from akeso.agents.incidents.incident_context import IncidentContext, ReasoningParts, Sources
from akeso.agents.incidents.move_executor import HealingDeps
from akeso.composition.files import read_playbooks
from akeso.config.settings import Settings
from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.estate.service import Services
from akeso.domain.incident.silence import Silence
from akeso.engine.alert_record import MemoryAlertLedger
from akeso.engine.effects import ActionCatalog, Effects
from akeso.engine.incident_store import IncidentStore
from akeso.engine.suspension import Suspension
from akeso.plugins.discovery import build, make
from akeso.ports.action import Action
from akeso.ports.alert_ledger import AlertLedger
from akeso.ports.bus import Bus
from akeso.ports.clock import Clock
from akeso.ports.memory import IncidentMemory
from akeso.ports.window import TelemetryWindow
from akeso.stages.diagnosis.calibration_file import load_calibration
from akeso.stages.healing.authorship import Authority
from akeso.stages.healing.own_changes import ChangeKinds, change_kinds
from akeso.stages.healing.playbooks import Playbook

# Who puts a diagnosis into words at once; another one's words come later.
FIRST_WORDS = "deterministic"


@dataclass(frozen=True, slots=True)
class HealingSurroundings:
    """What healing stands on. may_speak: which author may speak for which service; token: a word that nobody used
    before, of so many bytes; playbooks: those of the settings without any."""

    bus: Bus
    clock: Clock
    services: Services
    knowledge: Knowledge
    window: TelemetryWindow
    memory: IncidentMemory
    incident_store: IncidentStore
    suspension: Suspension
    may_speak: Authority
    token: Callable[[int], str] = token_hex
    ledger: AlertLedger = field(default_factory=MemoryAlertLedger)
    frozen: Callable[[str, str], Silence | None] = lambda _tenant, _service: None
    playbooks: Sequence[Playbook] | None = None


@dataclass(frozen=True, slots=True)
class Healing:
    """What a healing agent is made of. kinds: which of its actions change a service, and how."""

    deps: HealingDeps
    options: HealingOptions
    kinds: ChangeKinds


def reasoning_parts(
    settings: Settings, knowledge: Knowledge, playbooks: Sequence[Playbook] | None = None
) -> ReasoningParts:
    """How incidents are thought about. playbooks: those of the settings without any."""
    healing = settings.healing
    bridging = {**settings.evidence.get("bridging", {}), "knowledge": knowledge}
    return ReasoningParts.of(
        tuple(build("evidence", {**settings.evidence, "bridging": bridging}).values()),
        read_playbooks(settings) if playbooks is None else playbooks,
        make("reasoners", FIRST_WORDS, {"knowledge": knowledge}),
        healing.diagnose,
        healing.plan,
        load_calibration(settings.calibration) if settings.calibration else None,
    )


def wire_healing(settings: Settings, actions: Mapping[str, Action], around: HealingSurroundings) -> Healing:
    """Wired together over these actions. Raises InvalidSettings."""
    effects = Effects(
        ActionCatalog(actions, around.services),
        around.incident_store,
        around.suspension,
        around.clock,
        settings.healing.effects,
    )
    context = _context(settings, actions, around)
    deps = HealingDeps(
        around.incident_store, effects, _gate(settings, actions, around), context, around.clock, around.ledger
    )
    return Healing(deps, settings.healing.agent, change_kinds(actions))


def _gate(settings: Settings, actions: Mapping[str, Action], around: HealingSurroundings) -> Gate:
    inputs = PolicyInputs(
        actions,
        around.services,
        around.window,
        around.incident_store,
        around.suspension,
        around.may_speak,
        around.frozen,
    )
    return Gate(inputs, around.bus, around.clock, settings.healing.gate, around.token)


def _context(settings: Settings, actions: Mapping[str, Action], around: HealingSurroundings) -> IncidentContext:
    sources = Sources(around.window, around.memory, around.services, tuple(actions))
    parts = reasoning_parts(settings, around.knowledge, around.playbooks)
    return IncidentContext(parts, sources, around.clock, settings.healing.context)
