"""Where ground truth on decisions is kept."""

from collections.abc import Sequence
from typing import Protocol

from akeso.domain.messages import Feedback


class LabelStore(Protocol):
    """Raises Unavailable when the store does not answer."""

    async def keep(self, label: Feedback) -> None:
        """Durable when it returns; the same label (tenant, service, instant, giver) again replaces the first."""
        ...

    async def recent(self, limit: int = 1000) -> Sequence[Feedback]:
        """The newest labels by the instant they speak of, oldest first."""
        ...
