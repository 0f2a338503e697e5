"""Living through a scenario."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from akeso.domain.errors import InvalidInput
from akeso.domain.estate.access import Role
from akeso.domain.incident.incident import ActionStatus, Incident
from akeso.worlds.document import read_world
from akeso.worlds.living import OUTSIDE
from akeso.worlds.opening import open_world
from akeso.worlds.running import run as running
from akeso.worlds.running.door import Reply
from akeso.worlds.running.run import Run
from akeso.worlds.running.setting import Setup
from akeso.worlds.scenarios.document import Alerted, Decided, Happening, Request, Scenario
from akeso.worlds.scenarios.outcome import Outcome
from akeso.worlds.scenarios.scripted import Stage
from akeso.worlds.scenarios.timing import filled, moment
from akeso.worlds.shipped import world_file
from akeso.worlds.world import World

START = round(datetime(2030, 3, 6, 10, tzinfo=UTC).timestamp()) * 10**9  # a Wednesday, ten in the morning
_WAITING = (ActionStatus.ASKED, ActionStatus.PREVIEWED)
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Step:
    """A happening at one of its times."""

    at: int
    happening: Happening
    words: Mapping[str, str]


def play(scenario: Scenario) -> Outcome:
    """All of it. Raises InvalidInput where the scenario asks for what cannot be (a world that does not hold together, a
    decision where nothing waits)."""
    world = None if scenario.world is None else _world(scenario.world)
    stage = Stage(world.now if world else START, scenario.senders, world)
    reach = () if world is None else tuple(s.name for s in world.spec.estate.services if s.kind not in OUTSIDE)
    setup = Setup(scenario.services, scenario.bound or reach, scenario.settings)
    return running.play(stage, setup, lambda run: _Player(scenario, stage, run).play())


def _world(given: Mapping[str, Any]) -> World:
    written = dict(given)
    seed, name = int(written.pop("seed", 1)), written.pop("use", "")
    base = yaml.safe_load(world_file(name).read_text()) if name else {}
    return open_world(read_world(yaml.safe_dump({**base, **written})), seed)


class _Player:
    def __init__(self, scenario: Scenario, stage: Stage, run: Run) -> None:
        self._scenario, self._stage, self._run = scenario, stage, run
        self._start = stage.now
        self._replies: dict[str, Reply] = {}
        self._keys = {name: self._key(name, role) for name, role in scenario.people.items()}

    async def play(self) -> Outcome:
        for step in sorted(_steps(self._scenario), key=lambda step: step.at):
            await self._run.live_until(self._start + step.at)
            await self._happen(step)
        await self._run.live_until(self._start + self._scenario.lasts)
        return await self._outcome()

    def _key(self, name: str, role: str) -> str:
        if role.upper() not in Role.__members__:
            raise InvalidInput(f"people.{name}", f"{role} is none of {', '.join(r.name.lower() for r in Role)}")
        return self._run.system.keys.add(name, Role[role.upper()], self._run.system.settings.tenant)

    async def _happen(self, step: Step) -> None:
        happening = step.happening
        if happening.alert is not None:
            body = _notification(happening.alert, self._start, step)
            await self._send(Request(path="/api/v1/alerts/alertmanager", body=body), step.words)
        elif happening.change is not None:
            await self._send(Request(path="/api/v1/changes", body=happening.change), step.words)
        elif happening.request is not None:
            await self._send(happening.request, step.words)
        elif happening.approve is not None:
            await self._decide(happening.approve, "approve", {"dry_run": False, "comment": happening.approve.reason})
        elif happening.reject is not None:
            await self._decide(happening.reject, "reject", {"reason": happening.reject.reason})

    async def _send(self, request: Request, words: Mapping[str, str]) -> Reply:
        found = {**words, **await self._names()}
        body = request.text if request.text is not None else request.body
        content = filled(body, self._start, found)
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        headers = {**_JSON, **({"x-api-key": self._of(request.as_)} if request.as_ else {}), **request.headers}
        path = filled(request.path, self._start, found)
        reply = await self._run.send(request.as_ or "scenario", request.method, path, headers, data)
        if request.name:
            self._replies[request.name] = reply
        return reply

    def _of(self, person: str) -> str:
        if person not in self._keys:
            raise InvalidInput("as", f"{person} is none of the people: {', '.join(self._keys) or 'there are none'}")
        return self._keys[person]

    async def _names(self) -> dict[str, str]:
        """{incident} and {incident:service}: the newest; {action} and {action:service}: the newest that waits."""
        names: dict[str, str] = {}
        for incident in await self._run.incidents():
            for key in ("incident", *(f"incident:{service}" for service in incident.services)):
                names[key] = incident.id
            for action in _waiting(incident):
                names |= {"action": action, **{f"action:{service}": action for service in incident.services}}
        return names

    async def _decide(self, decided: Decided, verb: str, body: Mapping[str, Any]) -> None:
        name = f"action:{decided.about}" if decided.about else "action"
        if name not in await self._names():
            raise InvalidInput(verb, f"nothing waits for {decided.as_} on {decided.about or 'any service'}")
        path = f"/api/v1/approvals/{{{name}}}/{verb}"
        reply = await self._send(Request.model_validate({"path": path, "body": body, "as": decided.as_}), {})
        if reply.refused:
            raise InvalidInput(verb, reply.body.decode())

    async def _outcome(self) -> Outcome:
        run = self._run
        entries = [entry async for entry in run.system.journal.all_entries()]
        shown = {incident.id: await self._shown(incident.id) for incident in await run.incidents()}
        refused = [f"{who} {path}: {status}, {times} times" for (who, path, status), times in run.refused.items()]
        return Outcome(
            self._start, entries, tuple(self._stage.done), self._replies, shown, refused, await run.journal()
        )

    async def _shown(self, incident: str) -> str:
        paths = (f"/api/v1/incidents/{incident}", f"/api/v1/incidents/{incident}/timeline")
        return " ".join([(await self._run.call("GET", path)).body.decode() for path in paths])


def _steps(scenario: Scenario) -> Iterator[Step]:
    for happening in scenario.happens:
        repeat = happening.repeat
        for turn in range(repeat.times if repeat else 1):
            at = happening.at + turn * (repeat.every if repeat else 0)
            yield Step(at, happening, {"n": str(turn)})


def _waiting(incident: Incident) -> Iterator[str]:
    for record in incident.actions.values():
        if record.status in _WAITING and not incident.status.at_rest:
            yield record.step.id


def _notification(alert: Alerted, start: int, step: Step) -> dict[str, Any]:
    began = start + (step.at if alert.since is None else alert.since)
    ended = start + (step.at if alert.until is None else alert.until)
    told = {
        "status": alert.state,
        "labels": alert.labels,
        "annotations": {"summary": alert.summary} if alert.summary else {},
        "startsAt": moment(began).isoformat(),
        "endsAt": moment(ended).isoformat() if alert.state == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": alert.fingerprint,
    }
    return {"version": "4", "status": alert.state, "receiver": "akeso", "alerts": [told]}
