"""The same findings get the same words for a while, without asking again."""

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta

from akeso.domain.incident.explanation import Explanation
from akeso.ports.clock import Clock

_MOST = 256


class Cache:
    """Explanations by a digest of everything that was shown to the model."""

    def __init__(self, clock: Clock, kept_for: timedelta) -> None:
        self._clock, self._kept_for = clock, kept_for
        self._known: OrderedDict[str, tuple[datetime, Explanation]] = OrderedDict()

    def find(self, digest: str) -> Explanation | None:
        """None when it is not known, or no longer."""
        at, explanation = self._known.get(digest, (None, None))
        return explanation if at is not None and self._clock.now() - at < self._kept_for else None

    def put(self, digest: str, explanation: Explanation) -> None:
        self._known[digest] = self._clock.now(), explanation
        self._known.move_to_end(digest)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def digest_of(*parts: str) -> str:
    """SHA-256 over the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
