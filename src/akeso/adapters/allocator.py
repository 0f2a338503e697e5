"""Memory that was used once: the C library keeps it for the process unless it is asked to give it back."""

import ctypes

_ARENA_MAX = -8  # of mallopt


def share_one_arena() -> bool:
    """Let all threads take memory from one place, in which what one has freed serves the next; whether that was
    possible. Otherwise each thread that works a slot off keeps what it needed, and there are many, one after the other.
    To be called before there are threads. Only glibc can."""
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    return option is not None and bool(option(_ARENA_MAX, 1))


def give_back() -> bool:
    """Return freed memory to the system; whether some was returned. Only glibc can. Takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
