"""What is on its way."""

from heapq import heappop, heappush

from akeso.worlds.delivery import Delivery


class Outbox:
    """Deliveries until they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Delivery]] = []
        self._count = 0

    def put(self, delivery: Delivery) -> None:
        """It reaches Akeso at its own time."""
        self._count += 1
        heappush(self._heap, (delivery.at, self._count, delivery))

    def due(self, now: int) -> list[Delivery]:
        """Those up to `now` that were not given out before."""
        found: list[Delivery] = []
        while self._heap and self._heap[0][0] <= now:
            found.append(heappop(self._heap)[2])
        return found
