"""Which messages of a partition a group has been given and has not committed."""

from collections import OrderedDict


class Outstanding:
    """Offsets in the order in which they were given out, and how far everything before is done."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, None] = OrderedDict()
        self._last = -1

    def given(self, offset: int) -> None:
        """Offsets come in ascending order."""
        self._open[offset] = None
        self._last = max(self._last, offset)

    def __len__(self) -> int:
        return len(self._open)

    def done(self, offset: int) -> int | None:
        """The offset up to which everything is done now; None when that did not change. A commit out of turn moves
        nothing: what lies before it would be lost with a crash."""
        if offset not in self._open:
            return None
        oldest = next(iter(self._open))
        del self._open[offset]
        if offset != oldest:
            return None
        return next(iter(self._open)) - 1 if self._open else self._last
