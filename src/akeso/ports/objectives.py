"""Who keeps the error budgets of objectives."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from akeso.domain.estate.objective import ErrorBudget


@runtime_checkable
class Objectives(Protocol):
    """A detector that counts what objectives allow."""

    @property
    def scale(self) -> float:
        """What all windows are multiplied by."""
        ...

    def budgets(self, tenant: str) -> Sequence[ErrorBudget]:
        """How a tenant's objectives stand, by service."""
        ...
