"""Words come after the diagnosis, hold nothing up, and change nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from akeso.agents.incidents.explanation import ExplanationAgent
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.events import AnalysisStarted, DiagnosisMade, Entry, ExplanationGiven
from akeso.domain.incident.explanation import Claim, Explanation
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.ports.bus import Message, Topic
from akeso.testing.healing import Ward, certain


@dataclass
class Slow:
    """A reasoner that speaks when it is let."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[Case, Diagnosis]] = field(default_factory=list)
    failure: Exception | None = None
    name: str = "slow"

    async def explain(self, case: Case, diagnosis: Diagnosis) -> Explanation:
        self.asked.append((case, diagnosis))
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return Explanation(self.name, f"words {len(self.asked)}", (Claim("because"),))


@dataclass
class Room:
    ward: Ward
    reasoner: Slow
    agent: ExplanationAgent

    async def told(self) -> None:
        """The agent hears everything of the incident log that it has not heard yet."""
        heard: list[Entry] = self.ward.bus.of(Topic.INCIDENT_LOG)
        for entry in heard[self.heard :]:
            await self.agent.handle(Message(Topic.INCIDENT_LOG, entry.incident, entry))
        self.heard = len(heard)
        await asyncio.sleep(0)

    heard: int = 0

    async def settled(self) -> Incident:
        """The incident after everybody who can go on has gone on."""
        for _ in range(50):
            await asyncio.sleep(0.001)
        return await self.ward.incident()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    ward = Ward()
    await ward.start()
    reasoner = Slow()
    agent = ExplanationAgent(reasoner, ward.incident_store, ward.context)
    yield Room(ward, reasoner, agent)
    await agent.stop()
    await ward.kill()


async def test_healing_does_not_wait_for_words(room: Room) -> None:
    room.ward.break_it()
    await room.ward.run(3)
    await room.ward.notice()
    for _ in range(40):
        await room.ward.run(1)
        await room.told()
    healed = await room.settled()
    assert healed.status is IncidentStatus.RESOLVED
    assert (len(room.reasoner.asked), healed.explanation) == (1, None)
    room.reasoner.go.set()
    explained = await room.settled()
    assert explained.explanation is not None
    assert explained.explanation.text == "words 1"
    assert replace(explained, explanation=None, updated_at=healed.updated_at, sequence=healed.sequence) == healed


async def diagnosed(room: Room, confidence: float) -> None:
    incident = await room.ward.incident()
    await room.ward.incident_store.record(incident.id, AnalysisStarted("somebody"), "test")
    await room.ward.incident_store.record(incident.id, DiagnosisMade(certain("cart", confidence)), "test")
    await room.told()


async def test_words_on_an_older_diagnosis_are_not_given(room: Room) -> None:
    room.ward.break_it()
    await room.ward.notice()
    await diagnosed(room, 0.6)
    await room.settled()
    await diagnosed(room, 0.7)
    room.reasoner.go.set()
    incident = await room.settled()
    assert [d.hypotheses[0].confidence for _, d in room.reasoner.asked] == [0.6, 0.7]
    assert room.ward.events().count("ExplanationGiven") == 1
    assert incident.explanation is not None
    assert incident.explanation.text == "words 2"


async def test_words_that_come_too_late_are_passed_over_and_a_new_diagnosis_takes_the_old_ones_away(room: Room) -> None:
    room.ward.break_it()
    await room.ward.notice()
    await diagnosed(room, 0.6)
    incident = await room.ward.incident()
    stale = ExplanationGiven(incident.diagnoses - 1, Explanation("late", "x"))
    assert (await room.ward.incident_store.record(incident.id, stale, "test")).explanation is None
    fresh = ExplanationGiven(incident.diagnoses, Explanation("in time", "x"))
    assert (await room.ward.incident_store.record(incident.id, fresh, "test")).explanation == fresh.explanation
    await diagnosed(room, 0.7)
    assert (await room.ward.incident()).explanation is None


async def test_a_reasoner_that_fails_is_told_and_harms_nothing(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    room.reasoner.failure = RuntimeError("no words")
    room.reasoner.go.set()
    room.ward.break_it()
    await room.ward.notice()
    await diagnosed(room, 0.6)
    incident = await room.settled()
    assert incident.explanation is None
    assert "explanation.failed" in capsys.readouterr().out


async def test_the_case_that_is_explained_is_that_of_the_incident(room: Room) -> None:
    room.ward.break_it()
    await room.ward.notice()
    await diagnosed(room, 0.6)
    incident = await room.settled()
    case, diagnosis = room.reasoner.asked[0]
    assert (case.incident, case.tenant, diagnosis.hypotheses[0].service) == (incident.id, incident.tenant, "cart")


async def test_the_rest_of_the_log_is_passed_over(room: Room) -> None:
    room.ward.break_it()
    await room.ward.notice()
    await room.told()
    assert room.reasoner.asked == []
