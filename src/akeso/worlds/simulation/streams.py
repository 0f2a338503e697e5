"""Randomness of a world: one seed, many independent streams.

What is drawn for a name depends on the seed and that name alone, and what is drawn within a tick on the seed and that
tick, so that one fault more does not reshuffle the rest.
"""

from zlib import crc32

import numpy as np
from numpy.random import PCG64, Generator, Philox, SeedSequence

_ZEROS = np.zeros(4, np.uint64)


class Streams:
    """Streams of one world."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        key = SeedSequence([seed, 0x57_4F_52_4C]).generate_state(2, np.uint64)
        self._ticks = {stream: Philox(key=key + np.uint64(stream)) for stream in range(3)}
        self._drawing = {stream: Generator(bits) for stream, bits in self._ticks.items()}
        self._start = {stream: bits.state for stream, bits in self._ticks.items()}

    def of(self, *names: str) -> Generator:
        """The stream of a name, from its beginning."""
        return Generator(PCG64(SeedSequence([self._seed, *(crc32(name.encode()) for name in names)])))

    def tick(self, index: int, stream: int = 0) -> Generator:
        """The stream of a tick. Streams 0 to 2 are independent; a generator is valid until the next tick is asked
        for."""
        state = self._start[stream]
        counter = _ZEROS.copy()
        counter[2] = index
        state["state"]["counter"] = counter
        self._ticks[stream].state = state
        return self._drawing[stream]
