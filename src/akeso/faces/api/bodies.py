"""What people and programs may send to the REST API. Unknown fields are accepted, wrong types refused."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StrictBool


class NewIncident(BaseModel):
    """A person saw something. service: where; title: what, in one line."""

    service: str = Field(min_length=1, max_length=200)
    title: str = Field(min_length=1, max_length=500)
    severity: Literal["info", "warning", "error", "critical"] = "error"
    onset: AwareDatetime | None = None


class Approval(BaseModel):
    """A yes. dry_run: only show what would be done; nothing is executed until /actions/{id}/execute."""

    dry_run: StrictBool = True
    comment: str = Field(default="", max_length=2000)


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
