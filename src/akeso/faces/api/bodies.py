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
