"""For tests of what stands on a journal: one in memory, a writer of incidents, and the contract of every journal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from akeso.adapters.journals.memory import MemoryJournal
from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import AkesoError, Conflict, InvalidInput, LeaseLost, Unavailable
from akeso.domain.incident.events import (
    AnalysisStarted,
    EffectsResumed,
    EffectsSuspended,
    Entry,
    Event,
    IncidentDetected,
    IncidentResolved,
)
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Incident
from akeso.ports.journal import Draft, Journal, Lease

__all__ = ["AT", "SECOND", "JournalContract", "MemoryJournal", "OpenJournal", "Scribe"]

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OpenJournal: TypeAlias = Callable[[], Awaitable[Journal]]


class Scribe:
    """Writes one incident into a journal as the engine does, with the state after each event."""

    def __init__(self, journal: Journal, incident: str, actor: str = "scribe") -> None:
        self.state: Incident | None = None
        self._journal, self._incident, self._actor = journal, incident, actor

    async def detect(self, at: datetime = AT) -> Entry:
        return await self.write(IncidentDetected("acme", "cart", "slow", Severity.ERROR, at), at)

    async def write(self, event: Event, at: datetime = AT, lease: Lease | None = None) -> Entry:
        expected = self.state.sequence if self.state else 0
        state = evolve(self.state, Entry(expected + 1, self._incident, at, self._actor, event))
        entry = await self._journal.append(Draft(self._incident, event, self._actor, at, expected, state, lease))
        self.state = replace(state, sequence=entry.sequence)
        return entry


async def raised(expected: type[AkesoError], call: Awaitable[object]) -> AkesoError:
    """The error of `expected` kind that the call ends in; fails when it does not."""
    try:
        await call
    except expected as error:
        return error
    raise AssertionError(f"{expected.__name__} was not raised")


class JournalContract:
    """What every Journal keeps. Derive a test class and give it a fixture `open_journal` that opens a journal; called
    again it opens the same one once more, as another process would."""

    async def test_numbers_lines_over_the_whole_journal(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        one, two = Scribe(journal, "one"), Scribe(journal, "two")
        lines = [await one.detect(), await two.detect(), await one.write(AnalysisStarted("eve"), AT + SECOND)]
        assert [line.sequence for line in lines] == [1, 2, 3]
        assert [line.incident for line in lines] == ["one", "two", "one"]
        assert len({line.hash for line in lines}) == 3
        assert lines[2].event == AnalysisStarted("eve")
        assert (lines[2].at, lines[2].actor) == (AT + SECOND, "scribe")
        await journal.close()

    async def test_gives_back_what_was_written(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        one, two = Scribe(journal, "one"), Scribe(journal, "two")
        written = [await one.detect(), await two.detect(), await one.write(AnalysisStarted())]
        assert list(await journal.entries("one")) == [written[0], written[2]]
        assert list(await journal.entries("one", after=1)) == [written[2]]
        assert list(await journal.entries("nobody")) == []
        several = await journal.histories(["two", "nobody", "one"])
        assert {name: list(entries) for name, entries in several.items()} == {
            "one": [written[0], written[2]],
            "two": [written[1]],
        }
        assert await journal.histories([]) == {}
        assert [entry async for entry in journal.all_entries()] == written
        assert [entry async for entry in journal.all_entries(after=2)] == written[2:]
        await journal.close()

    async def test_survives_being_closed(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        scribe = Scribe(journal, "one")
        written = [await scribe.detect()]
        await journal.close()
        again = await open_journal()
        assert list(await again.entries("one")) == written
        written.append(await again.append(Draft("one", AnalysisStarted(), "a", AT, 1)))
        assert await again.verify() == 2
        await again.close()

    async def test_events_of_the_whole_system_have_a_line_of_their_own(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await Scribe(journal, "one").detect()
        first = await journal.append(Draft("", EffectsSuspended("eve", "why"), "eve", AT))
        await raised(Conflict, journal.append(Draft("", EffectsResumed("eve"), "eve", AT)))
        await journal.append(Draft("", EffectsResumed("eve"), "eve", AT, first.sequence))
        assert [entry.event for entry in await journal.entries("")] == [
            EffectsSuspended("eve", "why"),
            EffectsResumed("eve"),
        ]
        await journal.close()

    async def test_refuses_a_writer_who_does_not_know_the_last_event(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        scribe = Scribe(journal, "one")
        await scribe.detect()
        for expected in (0, 2):
            await raised(Conflict, journal.append(Draft("one", AnalysisStarted(), "a", AT, expected)))
        assert await journal.verify() == 1
        await journal.close()

    async def test_one_of_many_writers_wins(self, open_journal: OpenJournal) -> None:
        one, two = await open_journal(), await open_journal()
        await Scribe(one, "x").detect()
        drafts = [Draft("x", AnalysisStarted(str(n)), "a", AT, 1) for n in range(4)]
        results = await asyncio.gather(
            *(journal.append(draft) for draft in drafts for journal in (one, two)), return_exceptions=True
        )
        assert sum(isinstance(result, Entry) for result in results) == 1
        assert all(isinstance(result, Entry | Conflict) for result in results)
        assert await two.verify() == 2
        await one.close()
        await two.close()

    async def test_many_incidents_are_written_at_once(self, open_journal: OpenJournal) -> None:
        one, two = await open_journal(), await open_journal()
        scribes = [Scribe(journal, f"i{n}-{place}") for n in range(8) for place, journal in enumerate((one, two))]
        entries = await asyncio.gather(*(scribe.detect() for scribe in scribes))
        assert sorted(entry.sequence for entry in entries) == list(range(1, 17))
        assert await one.verify() == 16
        await one.close()
        await two.close()

    async def test_a_line_that_json_cannot_carry_is_not_written(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        event = IncidentDetected("acme", "cart", "slow", Severity.ERROR, AT.replace(tzinfo=None))
        error = await raised(InvalidInput, journal.append(Draft("one", event, "a", AT)))
        assert "IncidentDetected.onset" in str(error)
        assert await journal.verify() == 0
        await journal.close()

    async def test_a_lease_keeps_others_out_until_it_expires(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        mine = await journal.acquire("one", "me", 10 * SECOND, AT)
        await raised(LeaseLost, journal.acquire("one", "you", 10 * SECOND, AT + 9 * SECOND))
        renewed = await journal.acquire("one", "me", 10 * SECOND, AT + 9 * SECOND)
        assert (renewed.fence, renewed.expires_at) == (mine.fence, AT + 19 * SECOND)
        yours = await journal.acquire("one", "you", 10 * SECOND, AT + 19 * SECOND)
        assert yours.fence > mine.fence
        assert (await journal.acquire("other", "me", SECOND, AT)).owner == "me"
        await journal.close()

    async def test_who_lost_the_lease_cannot_write(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        scribe = Scribe(journal, "one")
        mine = await journal.acquire("one", "me", SECOND, AT)
        await scribe.detect()
        await scribe.write(AnalysisStarted(), lease=mine)
        yours = await journal.acquire("one", "you", SECOND, AT + SECOND)
        await raised(LeaseLost, scribe.write(AnalysisStarted(), lease=mine))
        await scribe.write(AnalysisStarted(), lease=yours)
        assert await journal.verify() == 3
        await journal.close()

    async def test_a_lease_that_was_given_back_is_free(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        mine = await journal.acquire("one", "me", 10 * SECOND, AT)
        await journal.release(mine)
        yours = await journal.acquire("one", "you", 10 * SECOND, AT)
        assert yours.fence > mine.fence
        await journal.release(mine)
        await raised(LeaseLost, journal.acquire("one", "me", SECOND, AT + SECOND))
        await raised(LeaseLost, Scribe(journal, "one").write(_DETECTED, lease=mine))
        await journal.close()

    async def test_lists_open_and_recent_incidents(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        assert list(await journal.open_incidents()) == []
        scribes = [Scribe(journal, name) for name in ("b", "a", "c")]
        for place, scribe in enumerate(scribes):
            await scribe.detect(AT + place * SECOND)
        await scribes[1].write(IncidentResolved("gone"), AT + 5 * SECOND)
        assert list(await journal.open_incidents()) == ["b", "c"]
        assert list(await journal.recent_incidents()) == ["c", "a", "b"]
        assert list(await journal.recent_incidents(AT + SECOND)) == ["c", "a"]
        assert list(await journal.recent_incidents(limit=1)) == ["c"]
        await journal.close()

    async def test_says_so_when_it_was_closed(self, open_journal: OpenJournal) -> None:
        journal = await open_journal()
        await journal.close()
        await journal.close()
        await raised(Unavailable, Scribe(journal, "one").detect())
        await raised(Unavailable, journal.entries("one"))


_DETECTED = IncidentDetected("acme", "cart", "slow", Severity.ERROR, AT)
