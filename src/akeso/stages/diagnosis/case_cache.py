"""What is worked out once for a case and forgotten with it."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from akeso.domain.incident.case import Case

T = TypeVar("T")


def cached_per_case(work: Callable[[Case], T]) -> Callable[[Case], T]:
    """`work`, its result kept as long as the case lives and no longer, for a case holds minutes of every series. A case
    is hashed by identity; the result must not refer to it."""
    kept: WeakKeyDictionary[Case, T] = WeakKeyDictionary()

    @wraps(work)
    def found(case: Case) -> T:
        # Two threads may do the work twice, with the same result.
        if case not in kept:
            kept[case] = work(case)
        return kept[case]

    return found
