"""routes.yaml → Rules: who is told of what, who is called next, and when nobody is. What is wrong is named with the
file, the field and the reason; a name that nobody bears is refused, so that no notice goes to nobody."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from akeso.config.checked_file import STRICT, checked_yaml, read_text
from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.notice import Notice
from akeso.stages.notification import rules as r

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|h|d)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _duration(value: object) -> object:
    if value == 0:
        return timedelta(0)
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("has to be a duration, like 30s, 15m or 2h")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def _time(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML reads 22:00 as a number to the base of sixty.
        value = f"{value // 60}:{value % 60:02d}"
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("has to be a time of day, like 22:00")
    return time(int(found[1]), int(found[2]))


def _severity(value: object) -> object:
    if isinstance(value, str) and value.upper() in Severity.__members__:
        return Severity[value.upper()]
    raise ValueError(f"is none of {', '.join(s.name.lower() for s in Severity)}")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as bad:
        raise ValueError("is no time zone, like Europe/Berlin") from bad
    return name


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
TimeOfDay = Annotated[time, BeforeValidator(_time)]
Level = Annotated[Severity, BeforeValidator(_severity)]
Zone = Annotated[str, AfterValidator(_zone)]
Names = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_several)]
SomeNames = Annotated[Names, Field(min_length=1)]


class _Match(BaseModel):
    model_config = STRICT
    service: Names = []
    owner: Names = []
    tenant: Names = []
    severity: Level = Severity.INFO
    notices: list[Notice] = []
    labels: dict[str, str] = {}


class _Route(BaseModel):
    model_config = STRICT
    name: str = ""
    match: _Match = _Match()
    tell: Names = []
    escalate: str = ""
    quiet: str = ""
    go_on: bool = False


class _Step(BaseModel):
    model_config = STRICT
    call: SomeNames


class _Chain(BaseModel):
    model_config = STRICT
    steps: list[_Step] = Field(min_length=1)
    unanswered: dict[Annotated[str, BeforeValidator(lambda v: _severity(v) and v)], Duration] = {}
    rounds: int = Field(default=1, ge=1, le=10)


class _Override(BaseModel):
    model_config = STRICT
    who: str
    start: AwareDatetime = Field(alias="from")
    until: AwareDatetime


class _Rotation(BaseModel):
    model_config = STRICT
    people: SomeNames
    first_day: date
    hand_over: Literal["daily", "weekly"] = "weekly"
    at: TimeOfDay = time(9)
    zone: Zone = "UTC"
    overrides: list[_Override] = []


class _Quiet(BaseModel):
    model_config = STRICT
    start: TimeOfDay = Field(alias="from")
    until: TimeOfDay
    zone: Zone = "UTC"
    below: Level = Severity.ERROR
    whole_days: list[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]] = []


class _Limits(BaseModel):
    model_config = STRICT
    together: Duration = r.Limits().together
    most: int = Field(default=r.Limits().most, ge=1)
    within: Duration = r.Limits().within


class _File(BaseModel):
    model_config = STRICT
    routes: list[_Route] = []
    otherwise: Names | None = None
    chains: dict[str, _Chain] = {}
    rotations: dict[str, _Rotation] = {}
    people: dict[str, SomeNames] = {}
    quiet_hours: dict[str, _Quiet] = {}
    limits: _Limits = _Limits()
    channel_limits: dict[str, _Limits] = {}


def load_routes(path: Path, channels: Collection[str]) -> r.Rules:
    """The rules that a file holds, for these channels. Raises InvalidSettings naming the file, the field and the
    reason: a name of a person, rotation, channel, chain or of quiet hours that there is not, or that means two."""
    parsed = checked_yaml(read_text(path), path.name, _File)
    for where, name, known in _named(parsed, channels):
        if name not in known:
            raise InvalidSettings(f"{path.name}: {where}", f"there is no {name}; there are {_listed(known)}")
    for name in parsed.people:
        if name in parsed.rotations or (name in channels and name not in parsed.people[name]):
            raise InvalidSettings(f"{path.name}: people.{name}", "is the name of something else, too")
    for name in parsed.rotations:
        if name in channels:
            raise InvalidSettings(f"{path.name}: rotations.{name}", "is the name of a channel, too")
    return _rules(parsed, tuple(channels))


def _named(file: _File, channels: Collection[str]) -> Iterator[tuple[str, str, Collection[str]]]:
    """(where, the name that stands there, the names that may)."""
    people = {*file.people, *channels}
    targets = {*people, *file.rotations}
    for number, route in enumerate(file.routes):
        place = f"routes[{number}]"
        yield from _each(f"{place}.tell", route.tell, targets)
        yield from _each(f"{place}.escalate", filter(None, [route.escalate]), file.chains)
        yield from _each(f"{place}.quiet", filter(None, [route.quiet]), file.quiet_hours)
    yield from _each("otherwise", file.otherwise or (), targets)
    for name, chain in file.chains.items():
        for number, step in enumerate(chain.steps):
            yield from _each(f"chains.{name}.steps[{number}].call", step.call, targets)
    for name, rotation in file.rotations.items():
        yield from _each(f"rotations.{name}.people", rotation.people, people)
        yield from _each(f"rotations.{name}.overrides", (o.who for o in rotation.overrides), people)
    for name, own in file.people.items():
        yield from _each(f"people.{name}", own, channels)
    yield from _each("channel_limits", file.channel_limits, channels)


def _each(where: str, names: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str, Collection[str]]]:
    return ((where, name, known) for name in names)


def _listed(known: Collection[str]) -> str:
    return ", ".join(sorted(known)) or "none"


def _rules(file: _File, channels: tuple[str, ...]) -> r.Rules:
    return r.Rules(
        channels=channels,
        routes=tuple(_route(number, route) for number, route in enumerate(file.routes, 1)),
        chains={name: _chain(name, chain) for name, chain in file.chains.items()},
        rotations={name: _rotation(rotation) for name, rotation in file.rotations.items()},
        people={name: tuple(own) for name, own in file.people.items()},
        quiet={name: _quiet(hours) for name, hours in file.quiet_hours.items()},
        otherwise=channels if file.otherwise is None else tuple(file.otherwise),
        limits=_limits(file.limits),
        channel_limits={name: _limits(limits) for name, limits in file.channel_limits.items()},
    )


def _route(number: int, given: _Route) -> r.Route:
    match = given.match
    wanted = r.Match(
        services=tuple(match.service),
        owners=tuple(match.owner),
        tenants=tuple(match.tenant),
        severity=match.severity,
        notices=frozenset(match.notices),
        labels=tuple(sorted(match.labels.items())),
    )
    name = given.name or f"route {number}"
    return r.Route(name, wanted, tuple(given.tell), given.escalate, given.quiet, given.go_on)


def _chain(name: str, given: _Chain) -> r.Chain:
    waits = {**r.DEFAULT_WAITS, **{Severity[each.upper()]: wait for each, wait in given.unanswered.items()}}
    return r.Chain(name, tuple(tuple(step.call) for step in given.steps), waits, given.rounds)


def _rotation(given: _Rotation) -> r.Rotation:
    overrides = tuple(r.Override(o.who, o.start, o.until) for o in given.overrides)
    days = 7 if given.hand_over == "weekly" else 1
    return r.Rotation(tuple(given.people), given.first_day, days, given.at, ZoneInfo(given.zone), overrides)


def _quiet(given: _Quiet) -> r.QuietHours:
    days = frozenset(_DAYS.index(day) for day in given.whole_days)
    return r.QuietHours(given.start, given.until, ZoneInfo(given.zone), given.below, days)


def _limits(given: _Limits) -> r.Limits:
    return r.Limits(given.together, given.most, given.within)
