"""What a team says about who is told: routes, escalation chains, rotations, quiet hours and limits, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import TypeAlias
from zoneinfo import ZoneInfo

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.notice import Notice
from akeso.domain.telemetry.batches import Attributes

DEFAULT_WAITS: Mapping[Severity, timedelta] = MappingProxyType(
    {
        Severity.CRITICAL: timedelta(minutes=15),
        Severity.ERROR: timedelta(minutes=30),
        Severity.WARNING: timedelta(minutes=60),
        Severity.INFO: timedelta(minutes=120),
    }
)


@dataclass(frozen=True, slots=True)
class Override:
    """From `start` to `end` it is `who`, whoever's turn it is."""

    who: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns. Each hands over to the next every `days` days at `at`, in the local time of `zone`; the
    turn of the first begins on `first_day`."""

    people: tuple[str, ...]
    first_day: date
    days: int = 7
    at: time = time(9)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Each day from `start` to `end`, and all of the days in `whole_days` (Monday is 0), in the local time of `zone`,
    what is less severe than `below` waits. Nothing makes CRITICAL wait."""

    start: time
    end: time
    zone: ZoneInfo
    below: Severity = Severity.ERROR
    whole_days: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Chain:
    """Who is called, and who next when nobody acknowledged: steps, each with its targets (see Rules). waits: by
    severity, how long a call may go unanswered; rounds: how often the whole chain is gone through."""

    name: str
    steps: tuple[tuple[str, ...], ...]
    waits: Mapping[Severity, timedelta] = field(default_factory=lambda: DEFAULT_WAITS)
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class Match:
    """Which notices a route is for; what is empty matches all. services, owners, tenants: patterns with `*` and `?`;
    severity: this or a worse one; labels: an alert of the incident carries all of them."""

    services: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    severity: Severity = Severity.INFO
    notices: frozenset[Notice] = frozenset()
    labels: Attributes = ()


@dataclass(frozen=True, slots=True)
class Route:
    """tell: targets (see Rules); chain: an escalation chain, "" for none; quiet: quiet hours, "" for none; goes_on:
    whether the routes behind it are looked at too."""

    name: str
    match: Match = Match()
    tell: tuple[str, ...] = ()
    chain: str = ""
    quiet: str = ""
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a channel is told.

    together: notices of one kind about one team's services (one service's, where nobody owns it) that come so soon
    after the first are told together; 0: each by itself. most: messages within `within`; beyond that they are held
    back and told together later. The first critical one of a team is held back by no other team's.
    """

    together: timedelta = timedelta(seconds=30)
    most: int = 20
    within: timedelta = timedelta(minutes=1)


_NO_LIMITS: Mapping[str, Limits] = MappingProxyType({})
_NOBODY: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it. A target is a rotation, a person or a channel, by name; people: their channels; otherwise: who is told
    of what no route is for."""

    channels: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    chains: Mapping[str, Chain] = field(default_factory=lambda: MappingProxyType({}))
    rotations: Mapping[str, Rotation] = field(default_factory=lambda: MappingProxyType({}))
    people: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOBODY)
    quiet: Mapping[str, QuietHours] = field(default_factory=lambda: MappingProxyType({}))
    otherwise: tuple[str, ...] = ()
    limits: Limits = Limits()
    channel_limits: Mapping[str, Limits] = field(default_factory=lambda: _NO_LIMITS)


Targets: TypeAlias = tuple[str, ...]


def everything_to(channels: tuple[str, ...]) -> Rules:
    """The rules of a team that wrote none: every channel is told of everything."""
    return Rules(channels, otherwise=channels)
