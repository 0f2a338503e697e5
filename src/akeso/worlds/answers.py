"""How a call ends."""

from enum import IntEnum


class Answer(IntEnum):
    """How one call ended, as one side of it sees it. The numbers are columns of observations."""

    OK = 0
    FAILED = 1  # 500: the callee's own code raised
    UPSTREAM = 2  # 502: the callee failed because something that it called failed
    UNAVAILABLE = 3  # 503: no room or not ready
    LIMITED = 4  # 429
    NOT_FOUND = 5  # 404: the visitor's mistake, nobody is hurt
    REFUSED = 6  # connection refused: nobody listens
    TIMED_OUT = 7  # the caller gave up; the callee may never learn of it
    RESET = 8  # connection reset: the callee went away in the middle
    NAME_UNKNOWN = 9  # DNS: no such host
    CERTIFICATE = 10  # TLS: certificate expired or unknown
    POOL_TIMEOUT = 11  # the caller found no free connection in its own pool
    TOO_MANY_CONNECTIONS = 12  # the callee (a database) takes no more connections
    TOO_MANY_FILES = 13  # a process has no file descriptor left
    DISK_FULL = 14  # no space left on device
    READ_ONLY = 15  # a database refuses to write
    DEADLOCK = 16  # a lock was not granted in time
    INVALID = 17  # 400: caller and callee do not speak the same version
    NEVER_ARRIVED = 18  # only for the callee's side: it saw nothing of the call


# Plain numbers, for whole columns (see observation.Status).
OK, FAILED, UPSTREAM, UNAVAILABLE, LIMITED, NOT_FOUND, REFUSED, TIMED_OUT = (int(answer) for answer in list(Answer)[:8])
NAME_UNKNOWN, CERTIFICATE, NEVER_ARRIVED = int(Answer.NAME_UNKNOWN), int(Answer.CERTIFICATE), int(Answer.NEVER_ARRIVED)

HARMLESS = frozenset({Answer.OK, Answer.NOT_FOUND})
"""What is no error to a user."""

_STATUS = {
    Answer.OK: 200,
    Answer.FAILED: 500,
    Answer.UPSTREAM: 502,
    Answer.UNAVAILABLE: 503,
    Answer.LIMITED: 429,
    Answer.NOT_FOUND: 404,
    Answer.INVALID: 400,
    Answer.TOO_MANY_FILES: 500,
    Answer.DISK_FULL: 500,
    Answer.READ_ONLY: 500,
    Answer.DEADLOCK: 500,
    Answer.TOO_MANY_CONNECTIONS: 500,
    Answer.POOL_TIMEOUT: 500,
}


def http_status(answer: Answer) -> int:
    """The HTTP status the callee answered with; 0 where there was no answer at all."""
    return _STATUS.get(answer, 0)
