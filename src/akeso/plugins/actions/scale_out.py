"""Start more instances of a service."""

from collections.abc import Sequence

from akeso.domain.errors import ActionFailed
from akeso.domain.incident.plan import Risk
from akeso.targets.effect import PreState
from akeso.targets.scaling import Aim, Scaling
from akeso.targets.supervisor import Member


class ScaleOut(Scaling):
    """Start the next stopped members of the group. Parameter `instances`: how many (default 1)."""

    name = "scale_out"
    risk = Risk.LOW
    change_kind = ("scale", "scale")
    aim = Aim.RUNNING

    def chosen(self, members: Sequence[Member], wanted: int, service: str) -> PreState:
        """The first of those that are stopped. Raises ActionFailed when no member is left to start."""
        stopped = [m.name for m in members if m.state == Aim.STOPPED]
        if not stopped:
            raise ActionFailed(f"no member of {service} is stopped: all {len(members)} are in use")
        running = sum(m.state == Aim.RUNNING for m in members)
        return {"due": " ".join(stopped[:wanted]), "running": str(running)}
