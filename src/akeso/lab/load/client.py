"""Asks the visitors how they find the shop."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from akeso.lab.errors import ShopNotRunning
from akeso.lab.shop.running import eventually, exchange

LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class View:
    """The visitors' view at `now`; `turns` are the times the shop turned healthy or unhealthy, oldest first."""

    now: float
    healthy: bool
    since: float
    learnt: bool
    reasons: tuple[str, ...]
    turns: tuple[tuple[float, bool], ...]
    raw: dict[str, Any]

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """From the desk's JSON."""
        return cls(
            now=raw["now"],
            healthy=raw["healthy"],
            since=raw["since"],
            learnt=raw["learnt_at"] is not None,
            reasons=tuple(raw["reasons"]),
            turns=tuple((at, healthy) for at, healthy in raw["turns"]),
            raw=raw,
        )

    def first_unhealthy_after(self, moment: float) -> float | None:
        """When the shop first was unhealthy at or after `moment`, as far as remembered."""
        standing = True
        for at, healthy in self.turns:
            if at >= moment and not healthy:
                return at
            standing = healthy if at <= moment else standing
        return moment if not standing else None

    def healthy_since(self, moment: float, for_s: float) -> bool:
        """Whether the shop was healthy for the last `for_s` seconds, all of them after `moment`."""
        return self.healthy and self.now - max(self.since, moment) >= for_s

    def healthy_for(self) -> float:
        """Seconds since the shop turned healthy; 0 while it is not."""
        return self.now - self.since if self.healthy else 0.0


@dataclass(frozen=True, slots=True)
class VisitorsClient:
    """The desk of the visitors, at a URL."""

    url: str

    async def view(self) -> View:
        """The present view."""
        return View.of(await exchange("GET", f"{self.url}/view"))

    async def answering(self, within_s: float) -> None:
        """Return once their desk answers. Raises NotReady."""

        async def answers() -> bool:
            try:
                await self.view()
            except ShopNotRunning:
                return False
            return True

        await eventually(answers, "the visitors coming back", within_s)

    async def seconds(self, last: int) -> list[dict[str, Any]]:
        """Requests, errors and worst latency of each of the `last` seconds that are over."""
        rows: list[dict[str, Any]] = await exchange("GET", f"{self.url}/seconds?last={last}")
        return rows

    async def begin_learning(self, seconds: float) -> None:
        """Let the visitors learn their calm bands during the next `seconds`."""
        await exchange("POST", f"{self.url}/learn", {"seconds": seconds})

    async def wait_learnt(self, within_s: float) -> View:
        """Return once the bands are learnt, or when `within_s` have passed; look at the answer."""
        return await self._wait(lambda view: view.learnt, within_s)

    async def surge(self, journey: str, factor: float, ramp_s: float = 0.0) -> None:
        """Let a journey come `factor` times as often."""
        body = {"journey": journey, "factor": factor, "ramp_s": ramp_s}
        await exchange("POST", f"{self.url}/surge", body)

    async def end_surge(self) -> None:
        """Back to base load."""
        await exchange("DELETE", f"{self.url}/surge")

    async def wait_healthy(self, for_s: float, within_s: float) -> View:
        """Return once the shop was healthy for `for_s` from now on, or when `within_s` have passed.

        What happened just before the call may not have been seen yet, so health until then does not count.
        """
        called_at = (await self.view()).now
        return await self._wait(lambda view: view.healthy_since(called_at, for_s), within_s)

    async def wait_unhealthy(self, since: float, within_s: float) -> View:
        """Return once the shop was unhealthy at or after `since`, or when `within_s` have passed."""
        return await self._wait(lambda view: view.first_unhealthy_after(since) is not None, within_s)

    async def _wait(self, enough: Callable[[View], bool], within_s: float) -> View:
        deadline = time.monotonic() + within_s
        while True:
            view = await self.view()
            if enough(view) or time.monotonic() > deadline:
                return view
            await asyncio.sleep(LOOK_EVERY_S)
