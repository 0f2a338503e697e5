"""A ward: a healing agent with everything it needs, over a world and a journal that outlive it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from akeso.agents.incidents.gate import Gate, GateOptions, PolicyInputs
from akeso.agents.incidents.governance import GovernanceAgent
from akeso.agents.incidents.healing import HealingAgent, HealingOptions
from akeso.agents.incidents.incident_context import IncidentContext, IncidentContextOptions, ReasoningParts, Sources
from akeso.agents.incidents.move_executor import HealingDeps
from akeso.domain.estate.service import Services, Trust
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis, Evidence, FaultClass, Hypothesis
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.domain.messages import Decision
from akeso.engine.effects import ActionCatalog, EffectOptions, Effects
from akeso.engine.incident_store import IncidentStore
from akeso.engine.suspension import Suspension
from akeso.ports.action import Action
from akeso.ports.bus import Message, Topic
from akeso.ports.policy import Policy
from akeso.stages.healing.advance import AdvanceOptions
from akeso.stages.healing.govern import GovernOptions
from akeso.stages.healing.plan import History, Surroundings
from akeso.testing.clock import FakeClock
from akeso.testing.engine import MortalJournal, RecentMemory, RelayBus, World, WorldAction, WorldWindow, symptoms
from akeso.testing.policy import ScriptedPolicy

STEP = timedelta(milliseconds=250)


def certain(service: str, confidence: float = 0.9) -> Diagnosis:
    """It is that service, by and large."""
    found = (Evidence("deviation", service, f"{service} is slow", 2.0),)
    blamed = Hypothesis(service, FaultClass.LATENCY_DEGRADATION, confidence, found)
    return Diagnosis((blamed,), confidence >= 0.5, "as told")


def cart_is_slow(case: Case) -> Diagnosis:
    """A diagnosis that never looks."""
    del case
    return certain("cart")


def everybody(tenant: str, author: str, service: str) -> bool:
    """Every author may speak for every service."""
    del tenant, author, service
    return True


def one_by_one(actions: Sequence[str], target: str, within: timedelta = timedelta(seconds=10)) -> "Planner":
    """A planner whose options are one action each, in this order, without those that an earlier plan had."""

    def plan(incident: Incident, diagnosis: Diagnosis, around: Surroundings, history: History) -> Plan:
        del diagnosis, around, history
        done = {r.step.action for r in incident.actions.values()}
        names = [a for a in actions if a not in done]
        prefix = f"{incident.id}-p{incident.plans + 1}"
        steps = [Step(f"{prefix}-o{i}-s1", name, target) for i, name in enumerate(names, 1)]
        return Plan(tuple(Option(s.action, (s,), 0.8, Risk.LOW, False, within) for s in steps))

    return plan


Planner = Callable[[Incident, Diagnosis, Surroundings, History], Plan]


@dataclass
class Ward:
    """`open` builds a healing agent; `kill` and `open` again is a restart of the process.

    What survives a kill: clock, world, journal, memory. dry_run, trust: as in the settings.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    journal: MortalJournal = field(default_factory=MortalJournal)
    memory: RecentMemory = field(default_factory=RecentMemory)
    policy: Policy = field(default_factory=ScriptedPolicy)
    diagnoses: Callable[[Case], Diagnosis] = field(default=cart_is_slow)
    planner: Planner = field(default_factory=lambda: one_by_one(["restart"], "cart"))
    dry_run: bool = False
    advance: AdvanceOptions = field(default_factory=AdvanceOptions)
    world: World = field(init=False)
    actions: Mapping[str, Action] = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.clock)
        self.actions = {"restart": WorldAction(self.world)}

    def open(self) -> None:
        """Everything that lives in the process."""
        self.bus = RelayBus()
        self.window = WorldWindow(self.world)
        self.suspension = Suspension(self.journal, self.clock)
        self.incident_store = IncidentStore(self.journal, self.bus, self.clock)
        services = Services()
        self.effects = Effects(
            ActionCatalog(self.actions, services), self.incident_store, self.suspension, self.clock,
            EffectOptions(write_wait=timedelta(milliseconds=50)),
        )  # fmt: skip
        gating = GateOptions(timedelta(seconds=0.5), GovernOptions(Trust.AUTO, self.dry_run))
        inputs = PolicyInputs(self.actions, services, self.window, self.incident_store, self.suspension, everybody)
        self.gate = Gate(inputs, self.bus, self.clock, gating)
        sources = Sources(self.window, self.memory, services, tuple(self.actions))
        self.context = IncidentContext(
            ReasoningParts(self.diagnoses, self.planner), sources, self.clock, IncidentContextOptions()
        )
        self.deps = HealingDeps(self.incident_store, self.effects, self.gate, self.context, self.clock)
        self.marks: list[int] = []
        options = HealingOptions(advance=replace(self.advance, dry_run=self.dry_run))
        self.agent = HealingAgent(self.deps, self.window, options, self._mark)
        governance = GovernanceAgent(self.bus, self.clock, self.policy)
        self.bus.on(Topic.POLICY_REQUESTS, governance.handle)
        self.bus.on(Topic.POLICY_DECISIONS, self.agent.handle)

    async def start(self) -> None:
        """Open, if it is not, and start."""
        if not hasattr(self, "agent"):
            self.open()
        await self.agent.start()

    async def kill(self) -> None:
        """Nothing that the process knew is left. What it was doing stops where it stands."""
        self.journal.dead = True
        await self.agent.stop()
        self.journal.reopened()

    async def restart(self) -> None:
        await self.kill()
        self.open()
        await self.agent.start()

    def break_it(self) -> None:
        """The world's fault begins now."""
        self.world.broken_from = self.clock.now()
        self.world.gone_at = None

    async def notice(self) -> None:
        """The decision agent sees the symptoms."""
        await self.agent.handle(
            Message(Topic.DECISIONS, "", Decision(self.window.now, symptoms(self.world, self.clock.now())))
        )

    async def run(self, seconds: float) -> None:
        """Let time pass. The real pause lets threads come back, as they would while a second passes."""
        for _ in range(round(seconds / STEP.total_seconds())):
            await self.agent.tick(self.clock.now())
            await self.clock.advance(STEP)
            await asyncio.sleep(0.0005)

    async def incident(self) -> Incident:
        """The newest."""
        (newest,) = await self.journal.recent_incidents(limit=1)
        return await IncidentStore(self.journal, self.bus, self.clock).get(newest)

    def events(self) -> list[str]:
        """Names of everything in the journal, oldest first."""
        return [type(line.event).__name__ for line in self.journal.lines]

    async def _mark(self, end: int) -> None:
        self.marks.append(end)
