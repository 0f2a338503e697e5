"""What people and programs may send to the REST API. Unknown fields are accepted, wrong types refused."""

from typing import Literal

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
    signature: list[str] = []
    limit: int = Field(default=5, ge=1, le=50)
