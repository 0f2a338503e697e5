"""What people and programs may send to the REST API. Unknown fields are accepted, wrong types refused."""

import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, StrictBool

from akeso.domain.errors import InvalidInput

_SEVERITIES = {"low": "info", "medium": "warning", "high": "error"}


class NewIncident(BaseModel):
    """A person saw something. service (or affected_service): where; title: what, in one line; description: more of it.

    severity: info, warning, error or critical; low, medium and high are the first three. metrics_snapshot: what was
    measured, by name; it is kept with the incident as it was told.
    """

    service: str = Field(default="", max_length=200)
    affected_service: str = Field(default="", max_length=200)
    title: str = Field(min_length=1, max_length=500)
    description: str = Field(default="", max_length=10_000)
    severity: Literal["info", "warning", "error", "critical", "low", "medium", "high"] = "error"
    onset: AwareDatetime | None = None
    metrics_snapshot: dict[str, Any] = Field(default={}, max_length=200)

    @property
    def where(self) -> str:
        """The service that it is about. Raises InvalidInput when none is named, or two are."""
        if not self.service and not self.affected_service:
            raise InvalidInput("service", "is missing (affected_service means the same)")
        if self.service and self.affected_service and self.service != self.affected_service:
            raise InvalidInput("affected_service", f"is not {self.service}, which service says")
        return self.service or self.affected_service

    @property
    def how_bad(self) -> str:
        """The severity in Akeso's own words."""
        return _SEVERITIES.get(self.severity, self.severity)

    @property
    def remarks(self) -> list[str]:
        """What was told beyond the title, as people read it."""
        told = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in self.metrics_snapshot.items()]
        return [text for text in (self.description, "Measured: " + ", ".join(told) if told else "") if text]


class Approval(BaseModel):
    """A yes. dry_run: only show what would be done; nothing is executed until /actions/{id}/execute. execution_mode
    says the same in other words. approved_by: who said yes, where a program passes it on; kept with the approval, and
    no substitute for the caller's key."""

    dry_run: StrictBool | None = None
    execution_mode: Literal["dry_run", "live"] | None = None
    approved_by: str = Field(default="", max_length=200)
    comment: str = Field(default="", max_length=2000)

    @property
    def only_shown(self) -> bool:
        """Whether it is a dry run, as it is where nothing is said. Raises InvalidInput when both is said."""
        told = None if self.execution_mode is None else self.execution_mode == "dry_run"
        if told is not None and self.dry_run not in {None, told}:
            raise InvalidInput("execution_mode", f"says {self.execution_mode}, dry_run says {self.dry_run}")
        return self.dry_run is not False if told is None else told

    @property
    def said(self) -> str:
        """The comment, with the name that was passed on."""
        named = f"approved by {self.approved_by}" if self.approved_by else ""
        return ": ".join(part for part in (named, self.comment) if part)


class Rejection(BaseModel):
    reason: str = Field(default="", max_length=2000)


class Execution(BaseModel):
    """Run a previewed or waiting action for real."""

    comment: str = Field(default="", max_length=2000)


class Feedback(BaseModel):
    """A person's word on a diagnosis. service and fault_class: what it really was, when it was something else."""

    helpful: StrictBool
    service: str = Field(default="", max_length=200)
    fault_class: str = Field(default="", max_length=100)
    comment: str = Field(default="", max_length=2000)


class Acknowledgement(BaseModel):
    comment: str = Field(default="", max_length=2000)


class Assignment(BaseModel):
    """to: a person's or team's name; nobody when empty."""

    to: str = Field(default="", max_length=200)


class NewComment(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)


class Snooze(BaseModel):
    until: AwareDatetime
    reason: str = Field(default="", max_length=2000)


class NewPriority(BaseModel):
    """How soon somebody should be at it; p1 first."""

    priority: Literal["p1", "p2", "p3", "p4", "p5"]


class Close(BaseModel):
    """How it ended. duplicate_of: an incident, with the reason `duplicate`."""

    reason: Literal["fixed_by_hand", "false_alarm", "known", "duplicate", "other"]
    comment: str = Field(default="", max_length=2000)
    duplicate_of: str = Field(default="", max_length=100)


class Merge(BaseModel):
    """source: the incident that is taken into this one."""

    source: str = Field(min_length=1, max_length=100)


class Split(BaseModel):
    """services: what is about them leaves the incident."""

    services: list[str] = Field(min_length=1, max_length=100)
    title: str = Field(default="", max_length=500)


class NewSilence(BaseModel):
    """What is about `service` (any without it) and carries all of `labels` is expected from `from` (now) until `until`.

    every: it begins again each day or week at that time, until `repeats_until`; freezes: no effects on the service
    meanwhile.
    """

    service: str = Field(default="", max_length=200)
    labels: dict[str, str] = Field(default={}, max_length=20)
    start: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime
    reason: str = Field(default="", max_length=2000)
    every: Literal["", "day", "week"] = ""
    repeats_until: AwareDatetime | None = None
    freezes: StrictBool = True


class Suspension(BaseModel):
    reason: str = Field(default="", max_length=2000)


class MemoryQuery(BaseModel):
    """text: words to look for; signature: names of symptoms that the incident has."""

    text: str = Field(min_length=1, max_length=4000)
    signature: list[Annotated[str, Field(max_length=300)]] = Field(default=[], max_length=200)
    limit: int = Field(default=5, ge=1, le=50)


class Reason(BaseModel):
    reason: str = Field(default="", max_length=2000)


class NewVersion(BaseModel):
    """threshold: of the new version, a factor on every threshold but a rule's; the present one without it."""

    reason: str = Field(default="", max_length=2000)
    threshold: float | None = Field(default=None, ge=0.05, le=20.0)


class Training(BaseModel):
    """window_seconds: how much of the past is trained on; all of the hot window without it. challenge: whether the new
    version challenges the champion."""

    reason: str = Field(default="", max_length=2000)
    window_seconds: float | None = Field(default=None, gt=0, le=366 * 86400)
    challenge: StrictBool = True


class Label(BaseModel):
    """Was this service anomalous at that time (now)? predicted: what Akeso decided, when the sender knows better."""

    service: str = Field(min_length=1, max_length=200)
    anomalous: StrictBool
    at: AwareDatetime | None = None
    predicted: StrictBool | None = None


class Labels(BaseModel):
    """automatic: a program says so, not a person."""

    labels: list[Label] = Field(min_length=1, max_length=1000)
    automatic: StrictBool = False


class SafeModeSwitch(BaseModel):
    on: StrictBool
    reason: str = Field(default="", max_length=2000)
