"""What a fault is: how it is brought about, how one knows it is there, what ends it, and what the truth is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from akeso.lab.errors import UnknownFault
from akeso.lab.load.client import VisitorsClient
from akeso.lab.shop.deployer import Deployer
from akeso.lab.shop.running import Shop

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """Where faults happen: the shop, its deployer and its visitors."""

    shop: Shop

    @property
    def deployer(self) -> Deployer:
        """Changes the shop."""
        return Deployer(self.shop)

    @property
    def visitors(self) -> VisitorsClient:
        """Asks the visitors, and sends more of them."""
        return VisitorsClient(self.shop.facts.load_url)


@dataclass(frozen=True, slots=True)
class Injection:
    """One drawn fault: its target and its parameters."""

    target: str
    parameters: Parameters


Effect = Callable[[Site, Injection], Awaitable[None]]
Probe = Callable[[Site, Injection], Awaitable[bool]]
Draw = Callable[[Random, str], Parameters]


@dataclass(frozen=True, slots=True)
class Fault:
    """`culprit` is the root-cause service when it is not the target; `remedies` are the acceptable actions, and
    `remedy_targets` the services they may be applied to when these are not the root-cause service.

    `remedy` carries out the first acceptable action by hand; `clear` ends the fault in whatever way there is.
    """

    name: str
    fault_class: str
    targets: tuple[str, ...]
    remedies: tuple[str, ...]
    draw: Draw
    inject: Effect
    active: Probe
    remedy: Effect
    clear: Effect
    hurts_within_s: float = 6.0
    culprit: str | None = None
    remedy_targets: tuple[str, ...] = ()

    def truth(self, target: str) -> str:
        """The service that is to be named as the root cause."""
        return self.culprit or target

    def accepts(self, action: str, service: str, target: str) -> bool:
        """Whether an action on a service is acceptable when the fault hit `target`."""
        return action in self.remedies and service in (self.remedy_targets or (self.truth(target),))

    def drawn(self, seed: int, repeat: int, target: str | None = None) -> Injection:
        """The injection that a seed and a repeat stand for. Raises UnknownFault for a target that is not eligible."""
        random = Random(f"{seed}/{self.name}/{repeat}")
        # A permutation of the targets, so that repeats of one seed do not all hit the same service.
        order = Random(f"{seed}/{self.name}").sample(self.targets, len(self.targets))
        chosen = target or order[repeat % len(order)]
        if chosen not in self.targets:
            raise UnknownFault(f"{self.name} can hit {', '.join(self.targets)}, not {chosen}")
        return Injection(chosen, self.draw(random, chosen))
