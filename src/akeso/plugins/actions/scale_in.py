"""Stop instances of a service."""

from collections.abc import Sequence

from akeso.domain.errors import ActionFailed
from akeso.domain.incident.plan import Risk
from akeso.targets.effect import PreState
from akeso.targets.scaling import Aim, Scaling
from akeso.targets.supervisor import Member


class ScaleIn(Scaling):
    """Stop the last running members of the group, never the only one. Parameter `instances`: how many (default 1)."""

    name = "scale_in"
    risk = Risk.MEDIUM
    change_kind = ("scale", "scale")
    aim = Aim.STOPPED

    def chosen(self, members: Sequence[Member], wanted: int, service: str) -> PreState:
        """The last of those that run. Raises ActionFailed when none would be left."""
        running = [m.name for m in members if m.state == Aim.RUNNING]
        if len(running) <= wanted:
            raise ActionFailed(f"{len(running)} of {service} run; stopping {wanted} would leave none")
        due = running[-wanted:]
        return {"due": " ".join(due), "running": str(len(running)), "takes_down": str(len(due))}
