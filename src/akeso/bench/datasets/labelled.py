"""A case whose root cause is known: what every set of root causes is read into."""

from collections.abc import Callable
from dataclasses import dataclass

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Hypothesis


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """service: the root cause, "" where nothing was wrong; cause: what in it, in the set's words, "" where the set does
    not say; named: what the set would call the inner cause of a hypothesis; agree: whether an inner cause that was
    told is the true one."""

    name: str
    case: Case
    service: str
    named: Callable[[Hypothesis], str]
    cause: str = ""
    agree: Callable[[str, str], bool] = str.__eq__
