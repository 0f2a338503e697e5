"""Free ports of the loopback address."""

import random
import socket
from contextlib import ExitStack

# Below what systems lend to outgoing connections (Linux from 32768, others from 49152): one of those may be taken
# by somebody's request in the moment between here and the server that is to listen.
_PORTS = range(10_000, 32_768)
_TRIES = 1000


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports that were free a moment ago, drawn so that processes side by side draw others.

    Raises OSError when there are none.
    """
    with ExitStack() as stack:
        return tuple(stack.enter_context(_bound()).getsockname()[1] for _ in range(count))


def _bound() -> socket.socket:
    for port in random.SystemRandom().sample(_PORTS, _TRIES):
        bound = socket.socket()
        try:
            bound.bind(("127.0.0.1", port))
        except OSError:
            bound.close()
        else:
            return bound
    raise OSError(f"no free port of 127.0.0.1 from {_PORTS.start} to {_PORTS.stop - 1} in {_TRIES} tries")
