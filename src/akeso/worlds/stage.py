"""What faults, ordinary life and actions may do in a world, and what they say of themselves."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from numpy.random import Generator

from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Happening, Level, Line
from akeso.worlds.observation import DOWN, UP
from akeso.worlds.simulation.knobs import Condition
from akeso.worlds.simulation.simulation import Simulation
from akeso.worlds.truth import Remedy


@dataclass(frozen=True, slots=True)
class Stage:
    """A world from the inside, at one moment. random: of this occurrence alone."""

    sim: Simulation
    random: Generator

    @property
    def estate(self) -> Estate:
        """What exists."""
        return self.sim.layout.estate

    @property
    def now(self) -> int:
        """ns since the epoch."""
        return self.sim.now

    def rows(self, service: str) -> tuple[int, ...]:
        """The instances of a service that should be there."""
        return tuple(row for row in self.sim.layout.rows(service) if self.sim.state.wanted[row])

    def living(self, rows: Iterable[int]) -> tuple[tuple[int, int], ...]:
        """The processes in rows, as Condition.lives_in names them."""
        return tuple((row, int(self.sim.state.generation[row])) for row in rows)

    def turn(self, *conditions: Condition) -> tuple[int, ...]:
        """Let conditions hold."""
        return tuple(self.sim.settings.add(condition) for condition in conditions)

    def clear(self, conditions: Iterable[int]) -> None:
        """Let them hold no longer."""
        for number in conditions:
            self.sim.settings.remove(number)

    def say(self, happening: Happening) -> None:
        """Let something be told."""
        self.sim.say(happening)

    def write(self, service: str, level: Level, template: str, fields: Mapping[str, str]) -> None:
        """A log line of the first instance of a service."""
        spec = self.estate[service]
        row = (self.rows(service) or (self.sim.layout.rows(service).start,))[0]
        self.say(Line(self.now, row, level, spec.product or spec.name, template, fields))

    def promised_ms(self, service: str) -> float:
        """What users of a service put up with."""
        return self.sim.users.promised_ms(service)

    def up(self, service: str) -> int:
        """How many instances serve."""
        rows = self.sim.layout.rows(service)
        return int((self.sim.state.status[rows.start : rows.stop] == UP).sum())

    def start(self, service: str) -> None:
        """Start what was stopped."""
        for row in self.rows(service):
            if self.sim.state.status[row] == DOWN:
                self.sim.life.start(row)

    def forget(self, service: str) -> None:
        """What the processes of a service have gathered is given back, as a hot fix would."""
        for row in self.rows(service):
            self.sim.life.forget(row)

    def callers(self, service: str) -> tuple[str, ...]:
        """Who calls a service."""
        return tuple(name for name in self.estate.callers_of(service))


@dataclass(frozen=True, slots=True)
class Mishap:
    """What is to happen. target: a service, or a node where the kind is about nodes; strength: 1 is the usual."""

    target: str
    strength: float = 1.0
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """What has begun. entity: what is broken; service: whom a person would call; conditions: hold until the end;
    finish: what else an end does (None: nothing); over: whether it has ended by itself (None: when no condition
    touches anything any more); hurts, helps, harms: see truth.Truth."""

    entity: str
    service: str
    conditions: tuple[int, ...] = ()
    instances: tuple[int, ...] = ()
    finish: Callable[[Stage], None] | None = None
    over: Callable[[Stage], bool] | None = None
    hurts: frozenset[str] = frozenset()
    helps: frozenset[Remedy] = frozenset()
    harms: frozenset[Remedy] = frozenset()
    note: str = ""


Begin = Callable[[Stage, Mishap], Begun]
Suits = Callable[[Estate, Service], bool]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A kind of thing that can happen: a fault or an event of ordinary life. on: `service` or `node`; suits: which
    services it can happen to; fault_class, ordinary, gap, lasting, partial: see truth.Truth; hurts_within_s: when
    users feel it at the latest, at the usual strength (0: nobody ever does)."""

    name: str
    says: str
    begin: Begin
    suits: Suits
    fault_class: str = ""
    on: str = "service"
    ordinary: bool = False
    gap: bool = False
    lasting: bool = False
    partial: bool = False
    hurts_within_s: float = 90.0


def remedies(*pairs: tuple[str, str]) -> frozenset[Remedy]:
    """(action, target) …"""
    return frozenset(Remedy(action, target) for action, target in pairs)


def written(estate: Estate, service: Service) -> bool:
    """A service that the team writes and that answers calls."""
    return service.kind is ServiceKind.WEB and called(estate, service)


def called(estate: Estate, service: Service) -> bool:
    """Somebody calls it."""
    return bool(estate.callers_of(service.name)) or any(t.service == service.name for t in estate.traffic)


def of_kind(*kinds: ServiceKind) -> Suits:
    """Services of these kinds that somebody calls."""
    return lambda estate, service: service.kind in kinds and called(estate, service)


def seconds(ns: int) -> float:
    """ns as seconds."""
    return ns / NANOSECONDS
