"""Everything that can go wrong in the lab.

LabError
├── ShopError          the shop could not be opened, found or changed
│   ├── ShopNotRunning
│   └── NotReady
├── UnknownFault       no such fault, or a target it cannot hit
└── RequestFailed      a service could not answer; `status` is what its caller gets
    ├── Saturated
    ├── OutOfMemory
    ├── UpstreamFailed
    ├── UpstreamTimedOut
    ├── PoolTimedOut
    ├── DatabaseFailed
    └── NotFound
"""

from typing import ClassVar


class LabError(Exception):
    """The root of the lab's errors."""


class ShopError(LabError):
    """The shop could not be opened, found or changed."""


class ShopNotRunning(ShopError):
    """No shop answers where one was expected."""


class NotReady(ShopError):
    """Something that was started did not become ready in time."""


class UnknownFault(LabError):
    """No such fault, or a target that it cannot hit."""


class RequestFailed(LabError):
    """A service could not answer a request; `status` goes to its caller."""

    status: ClassVar[int] = 500


class Saturated(RequestFailed):
    """Every worker slot is busy and the queue before them is full or too slow."""

    status = 503


class OutOfMemory(RequestFailed):
    """The process is over its memory limit and refuses work."""

    status = 503


class UpstreamFailed(RequestFailed):
    """A called service refused, answered an error or has no instance."""

    status = 502


class UpstreamTimedOut(RequestFailed):
    """A called service did not answer in time."""

    status = 504


class PoolTimedOut(RequestFailed):
    """No connection came free in the pool."""

    status = 503


class DatabaseFailed(RequestFailed):
    """The database refused a statement or did not answer in time."""

    status = 500


class NotFound(RequestFailed):
    """What was asked for does not exist."""

    status = 404
