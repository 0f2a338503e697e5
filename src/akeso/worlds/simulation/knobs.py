"""What can be turned in a world: every fault, change and event of ordinary life is made of these."""

from dataclasses import dataclass
from enum import StrEnum

from akeso.worlds.answers import Answer
from akeso.worlds.happening import Thrown

NODE_LAG_S = 40
"""Seconds until an orchestrator holds a machine that is silent to be gone."""


class Axis(StrEnum):
    """What rows a knob has."""

    ENDPOINT = "endpoint"
    INSTANCE = "instance"
    LEG = "leg"
    LINK = "link"
    POOL = "pool"
    NODE = "node"
    SOURCE = "source"
    SERVICE = "service"


class Combining(StrEnum):
    """How conditions of one knob on one row come together."""

    TIMES = "times"
    PLUS = "plus"
    MOST = "most"
    LEAST = "least"
    EITHER = "either"  # of independent chances


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A knob: on which rows, the value that changes nothing, how conditions come together, what it is."""

    axis: Axis
    neutral: float
    combining: Combining
    says: str


class Knob:
    """All knobs. Plain attributes and not an enumeration, because a tick looks them up hundreds of times."""

    CPU = Turn(Axis.ENDPOINT, 1.0, Combining.TIMES, "processor time of a request")
    WAIT = Turn(Axis.ENDPOINT, 1.0, Combining.TIMES, "own waiting of a request")
    DELAY_MS = Turn(Axis.ENDPOINT, 0.0, Combining.PLUS, "added to a request")
    ERRORS = Turn(Axis.ENDPOINT, 0.0, Combining.EITHER, "chance that a request fails by itself")
    HANG = Turn(Axis.ENDPOINT, 0.0, Combining.EITHER, "chance that a request never ends")
    GREY_SHARE = Turn(Axis.ENDPOINT, 0.0, Combining.EITHER, "chance that a request is one of the slow ones")
    GREY_MS = Turn(Axis.ENDPOINT, 0.0, Combining.MOST, "how much slower these are")
    MISSING = Turn(Axis.ENDPOINT, 0.0, Combining.EITHER, "chance that a visitor asks for what is not there")
    LEAK_MB = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "memory lost a second")
    HOG_MB = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "memory taken at once")
    CPU_BURN = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "cores burnt beside the requests")
    CPU_LIMIT = Turn(Axis.INSTANCE, 1.0, Combining.TIMES, "of the processor limit")
    FD_LEAK = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "file descriptors lost a second")
    WORKER_LEAK = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "workers lost a second")
    WORKERS = Turn(Axis.INSTANCE, 1.0, Combining.TIMES, "of the workers")
    CONTENTION = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "how much a busy worker delays each other one")
    GC = Turn(Axis.INSTANCE, 1.0, Combining.TIMES, "memory allocated by a request")
    CRASH_AFTER_S = Turn(Axis.INSTANCE, 1e18, Combining.LEAST, "seconds a process lives")
    STOPPED = Turn(Axis.INSTANCE, 0.0, Combining.MOST, "the process stands still")
    IDLE = Turn(Axis.INSTANCE, 0.0, Combining.MOST, "a worker takes no messages")
    DISK_MB = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "written to the disk and kept, a second")
    DISK_SLOW = Turn(Axis.INSTANCE, 1.0, Combining.TIMES, "time of a disk access")
    SKEW_S = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "clock ahead")
    CONNECTIONS = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "sessions of a database taken by others")
    LAG_S = Turn(Axis.INSTANCE, 0.0, Combining.PLUS, "a replica falls behind, seconds a second")
    BLOCKED = Turn(Axis.INSTANCE, 0.0, Combining.MOST, "a session holds a lock that others want")
    ACCEPT = Turn(Axis.INSTANCE, 1.0, Combining.TIMES, "of the length of its queue")
    REFUSES = Turn(Axis.INSTANCE, 0.0, Combining.EITHER, "chance that a call is turned away (503)")
    TIMEOUT = Turn(Axis.LEG, 1.0, Combining.TIMES, "of the time-out")
    RETRIES = Turn(Axis.LEG, 0.0, Combining.PLUS, "more retries")
    CALLS = Turn(Axis.LEG, 1.0, Combining.TIMES, "calls a request makes")
    POOL = Turn(Axis.POOL, 1.0, Combining.TIMES, "of the size of a pool")
    POOL_LEAK = Turn(Axis.POOL, 0.0, Combining.PLUS, "connections lost a second")
    NET_MS = Turn(Axis.LINK, 0.0, Combining.PLUS, "on the way there and back")
    LOSS = Turn(Axis.LINK, 0.0, Combining.EITHER, "chance that a packet is lost and sent again")
    CUT = Turn(Axis.LINK, 0.0, Combining.EITHER, "chance that nothing comes through")
    FAST_FAIL = Turn(Axis.LINK, 0.0, Combining.EITHER, "chance that a call fails at once on the caller's side")
    NODE_CPU = Turn(Axis.NODE, 0.0, Combining.PLUS, "cores taken by others")
    NODE_MB = Turn(Axis.NODE, 0.0, Combining.PLUS, "memory taken by others")
    NODE_DISK_MB = Turn(Axis.NODE, 0.0, Combining.PLUS, "disk filled a second")
    NODE_DISK_SLOW = Turn(Axis.NODE, 1.0, Combining.TIMES, "time of a disk access")
    NODE_GONE = Turn(Axis.NODE, 0.0, Combining.MOST, "the machine is off")
    SURGE = Turn(Axis.SOURCE, 1.0, Combining.TIMES, "of what comes")
    HIT = Turn(Axis.SERVICE, 1.0, Combining.TIMES, "of a cache's hits")
    NO_SCALING = Turn(Axis.SERVICE, 0.0, Combining.MOST, "instances are neither added nor removed")


KNOBS: tuple[Turn, ...] = tuple(value for value in vars(Knob).values() if isinstance(value, Turn))


@dataclass(frozen=True, slots=True)
class Condition:
    """One knob turned for some rows.

    amount: as the knob says. service: whose endpoints, instances, places of calls (as caller) or sources; operation:
    only that one; peer: of calls only those to that service; node: of a node, or what runs on it; instances: only
    these rows; peers: only calls to these instance rows. version, configuration, flag: only where that runs, is in
    force, is on. lives_in: (row, generation) of processes: it ends with each of them. answer, thrown: how what fails
    by it fails.
    """

    knob: Turn
    amount: float
    service: str = ""
    operation: str = ""
    peer: str = ""
    node: str = ""
    instances: tuple[int, ...] = ()
    peers: tuple[int, ...] = ()
    version: str = ""
    configuration: str = ""
    flag: str = ""
    lives_in: tuple[tuple[int, int], ...] = ()
    answer: Answer = Answer.FAILED
    thrown: Thrown | None = None
