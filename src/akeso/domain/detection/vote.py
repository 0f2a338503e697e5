"""What a detector's word counts for."""

from enum import StrEnum


class Vote(StrEnum):
    """NONE: scored for others to read; SHARED: counts where others agree; STANDALONE: decides by itself, except in safe
    mode; OBJECTIVE: decides by itself and at once, whatever the failures of a moment look like; RULE: decides by
    itself, also in safe mode, as somebody stated the limit."""

    NONE = "none"
    SHARED = "shared"
    STANDALONE = "standalone"
    OBJECTIVE = "objective"
    RULE = "rule"

    @property
    def stated(self) -> bool:
        """Whether somebody stated what the detector looks for, so that its word is never a matter of chance."""
        return self in {Vote.OBJECTIVE, Vote.RULE}
