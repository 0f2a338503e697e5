"""Every error Akeso raises, in one tree.

AkesoError
├── InvalidInput          what came from outside is wrong; names the field        (HTTP 4xx)
│   ├── InvalidSettings
│   └── InvalidTransition an incident cannot go from here to there
├── NotFound              a named thing does not exist                            (404)
├── Forbidden             the caller may not do this                              (403)
├── Conflict              somebody else was first, or it was done already         (409)
│   └── LeaseLost         another process works on this incident now
├── Overloaded            try again later; carries the delay                      (429)
├── Unavailable           a dependency does not answer; retryable                 (503)
│   └── CircuitOpen
├── JournalCorrupt        the hash chain does not hold; names the place
└── ActionFailed          an action could not do its work; nothing was changed, or `partial` says what
    └── RequestRefused    another system understood and said no: it will say so again
"""

from datetime import timedelta


class AkesoError(Exception):
    """Root of the tree."""


class InvalidInput(AkesoError):
    """Input from outside is wrong. `field` is the path of the offending field, as the sender wrote it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class InvalidSettings(InvalidInput):
    """A setting, playbook, policy or service file is wrong."""


class InvalidTransition(InvalidInput):
    """An event does not fit the state that an incident is in."""


class NotFound(AkesoError):
    """A named thing does not exist."""


class Forbidden(AkesoError):
    """The caller is known but may not do this."""


class Conflict(AkesoError):
    """The thing was already done, or somebody else was first."""


class LeaseLost(Conflict):
    """Another process holds the lease on this incident."""


class Overloaded(AkesoError):
    """No room now. Nothing was taken in; the sender should come back after `retry_after`."""

    def __init__(self, reason: str, retry_after: timedelta) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unavailable(AkesoError):
    """A dependency does not answer; the call may be retried."""


class CircuitOpen(Unavailable):
    """A circuit breaker refuses the call because its target failed repeatedly."""


class JournalCorrupt(AkesoError):
    """The journal's hash chain does not hold. `sequence` is the first event that does not fit."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(f"journal event {sequence}: {reason}")
        self.sequence = sequence
        self.reason = reason


class ActionFailed(AkesoError):
    """An action could not do its work."""


class RequestRefused(ActionFailed):
    """Another system understood what was asked and said no; asking again in the same words is no use."""
