"""Which versions and configurations services had, and how they get others."""

from dataclasses import dataclass

from akeso.worlds.happening import Changed
from akeso.worlds.simulation.lifecycle import Lifecycle
from akeso.worlds.simulation.rollout import Rollout, Rollouts, Strategy, strategy_of

_KINDS = {"release": ("deploy", "rollback"), "configuration": ("config", "revert")}


@dataclass(slots=True)
class _Pair:
    current: str
    previous: str = ""


class Releases:
    """Of every service the version and configuration now and before. `told`: whether the team's tools tell of
    changes."""

    def __init__(self, lifecycle: Lifecycle, rollouts: Rollouts) -> None:
        self._life = lifecycle
        self._rollouts = rollouts
        services = lifecycle.layout.services
        self._now = {
            "release": {s.name: _Pair(s.version) for s in services},
            "configuration": {s.name: _Pair("1") for s in services},
        }

    def current(self, thing: str, service: str) -> str:
        """thing: `release` or `configuration`."""
        return self._now[thing][service].current

    def previous(self, thing: str, service: str) -> str:
        """ "" where there is none."""
        return self._now[thing][service].previous

    def deliver(
        self, thing: str, service: str, name: str = "", *, strategy: Strategy | None = None, told: bool = True
    ) -> str:
        """Bring a new one out; returns its name."""
        pair = self._now[thing][service]
        name = name or _next(pair.current)
        self._now[thing][service] = _Pair(name, pair.current)
        self._roll(thing, service, name, strategy)
        self._say(_KINDS[thing][0], service, name, "ci", told=told)
        return name

    def swap(self, thing: str, service: str, by: str) -> str:
        """Put the previous one back; returns its name, or "" where there is none."""
        pair = self._now[thing][service]
        if not pair.previous:
            return ""
        self._now[thing][service] = _Pair(pair.previous, pair.current)
        self._roll(thing, service, pair.previous, None)
        self._say(_KINDS[thing][1], service, pair.previous, by, told=True)
        return pair.previous

    def renew(self, service: str, rows: list[int], strategy: Strategy | None = None) -> None:
        """Start processes anew, as they are."""
        chosen = strategy or strategy_of(self._life.layout.estate[service])
        self._rollouts.begin(Rollout(service, chosen, rows))

    def _roll(self, thing: str, service: str, name: str, strategy: Strategy | None) -> None:
        life = self._life
        rows = [row for row in life.layout.rows(service) if life.state.wanted[row]]
        chosen = strategy or strategy_of(life.layout.estate[service])
        version, configuration = (name, "") if thing == "release" else ("", name)
        self._rollouts.begin(Rollout(service, chosen, rows, version, configuration))

    def _say(self, kind: str, service: str, name: str, by: str, *, told: bool) -> None:
        self._life.said.append(Changed(self._life.now, service, kind, name, by, told))


def _next(name: str) -> str:
    head, _, last = name.rpartition(".")
    return (
        f"{head}.{int(last) + 1}" if head and last.isdigit() else str(int(last) + 1) if last.isdigit() else f"{name}.1"
    )
