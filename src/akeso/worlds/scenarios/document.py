"""A scenario as its file has it. What is misspelt is refused, with the place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from akeso.domain.errors import InvalidInput
from akeso.worlds.scenarios.timing import Duration, nanoseconds
from akeso.worlds.scenarios.values import Told


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Phase(_Strict):
    """From `at` to `until` (or the end, or until Akeso does `ended_by` to this sender's service), other values hold."""

    at: Duration
    until: Duration | None = None
    ended_by: Words = ()
    values: dict[str, Told]


class Sender(_Strict):
    """Somebody that tells values over time, from the first second on.

    simple: a service that posts `latency` (ms) and `error_rate` to /add-event. prometheus: a scrape job that is written
    on by remote write; values are gauges, or counters where the name ends with `_total`, `_count`, `_sum` or `_bucket`
    (then the value is the rate a second). spans: a service that sends server spans by OTLP; `calls` a second,
    `latency` (ms), `errors` (a fraction). logs: a service whose lines go to /api/v1/logs; the value of each message is
    how many lines a second. labels: of each series, or attributes of the service.
    """

    simple: str = ""
    prometheus: str = ""
    spans: str = ""
    logs: str = ""
    every: Duration = nanoseconds("1s")
    labels: dict[str, str] = {}
    values: dict[str, Told]
    then: tuple[Phase, ...] = ()

    @property
    def name(self) -> str:
        return self.simple or self.prometheus or self.spans or self.logs

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Sender":
        if sum(map(bool, (self.simple, self.prometheus, self.spans, self.logs))) != 1:
            raise ValueError("a sender is one of simple, prometheus, spans, logs")
        return self


class Repeat(_Strict):
    """{n} in texts is which time it is, from 0."""

    times: Annotated[int, Field(ge=1)]
    every: Duration


class Alerted(_Strict):
    """An alert, told by Alertmanager's webhook. since, until: when it began and ended, instead of now."""

    labels: dict[str, str]
    state: Literal["firing", "resolved"] = "firing"
    summary: str = ""
    since: Duration | None = None
    until: Duration | None = None
    fingerprint: str = ""


class Request(_Strict):
    """Any request. as_: a person of `people`, "" for a sender without a key; name: for `answer`."""

    path: str
    method: str = "POST"
    body: Any = None
    text: str | None = None
    headers: dict[str, str] = {}
    as_: str = Field(default="", alias="as")
    name: str = ""


class Decided(_Strict):
    """A person's word on a waiting action: on that of the newest incident, or of the newest about a service."""

    as_: str = Field(alias="as")
    about: str = ""
    reason: str = ""


class Happening(_Strict):
    """One thing that happens at `at`."""

    at: Duration
    repeat: Repeat | None = None
    alert: Alerted | None = None
    change: dict[str, str] | None = None
    request: Request | None = None
    approve: Decided | None = None
    reject: Decided | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Happening":
        given = (self.alert, self.change, self.request, self.approve, self.reject)
        if sum(each is not None for each in given) != 1:
            raise ValueError("one thing happens at a time: alert, change, request, approve or reject")
        return self


class IncidentIs(_Strict):
    """What an incident is. about: its headline's service, one of; services: all are in it; cause, kind: of the first
    hypothesis, one of; title, why, says: words (in any case); says: in what the API shows of it, time-line included;
    alerts: how many it holds; acted: whether something was done."""

    about: Words = ()
    services: Words = ()
    cause: Words = ()
    kind: Words = ()
    title: Words = ()
    why: Words = ()
    says: Words = ()
    status: Words = ()
    alerts: int | None = None


class EffectIs(_Strict):
    """What was done in the world, to whom; each one of."""

    action: Words = ()
    target: Words = ()


class AnswerIs(_Strict):
    to: str
    status: int | None = None
    says: Words = ()


class Condition(_Strict):
    """What is looked for. after, within: when an incident opened or an effect was done (within counts from after); by:
    as of when an incident is looked at; count: exactly so many (without it: at least one, or none for `must_not`)."""

    incident: IncidentIs | None = None
    effect: EffectIs | None = None
    answer: AnswerIs | None = None
    after: Duration = 0
    within: Duration | None = None
    by: Duration | None = None
    count: int | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Condition":
        if sum(each is not None for each in (self.incident, self.effect, self.answer)) != 1:
            raise ValueError("a condition is about one of incident, effect, answer")
        return self


class Scenario(_Strict):
    """line: the rule of how the world is that it tries; lasts: how long it is lived through; bound: services that Akeso
    can act on (in a world all, if none is named); world: a simulated world as its YAML has it, or what is other in a
    shipped one that `use` names, with its seed; fails_today: why it does not hold yet."""

    title: str
    line: str
    about: str = ""
    lasts: Duration
    people: dict[str, str] = {}
    services: dict[str, dict[str, Any]] = {}
    bound: Words = ()
    settings: dict[str, Any] = {}
    world: dict[str, Any] | None = None
    senders: tuple[Sender, ...] = ()
    happens: tuple[Happening, ...] = ()
    must: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()
    fails_today: str = ""

    @model_validator(mode="after")
    def _asks_something(self) -> "Scenario":
        if not self.must and not self.must_not:
            raise ValueError("nothing must and nothing must not come of it")
        return self


def read_scenario(text: str, name: str) -> Scenario:
    """Raises InvalidInput naming the file, the field and the reason."""
    try:
        given: Mapping[str, Any] = yaml.safe_load(text)
        return Scenario.model_validate(given)
    except yaml.YAMLError as bad:
        raise InvalidInput(name, f"is no YAML: {bad}") from bad
    except ValidationError as bad:
        first = bad.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{name}: {place}", first["msg"]) from bad


def load_scenario(file: Path) -> Scenario:
    """Raises InvalidInput."""
    return read_scenario(file.read_text(), file.name)
