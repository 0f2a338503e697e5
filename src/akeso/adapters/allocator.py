"""Memory that was used once: the C library keeps it for the process unless it is asked to give it back."""

import ctypes


def give_back() -> bool:
    """Return freed memory to the system; whether some was returned. Only glibc can. Takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
