"""For tests of what remembers: a memory of its own, and the contracts of every memory and every embedder."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np

from akeso.domain.errors import AkesoError
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Recovery
from akeso.ports.embedder import Embedder
from akeso.ports.memory import IncidentMemory

AT = datetime(2030, 1, 1, tzinfo=UTC)
OpenMemory: TypeAlias = Callable[[], Awaitable[IncidentMemory]]


class FakeMemory:
    """An IncidentMemory in a dict; similarity is the share of common words. failure: what every call raises."""

    def __init__(self) -> None:
        self.failure: AkesoError | None = None
        self.memories: dict[tuple[str, str], Memory] = {}

    async def remember(self, memory: Memory) -> None:
        self._check()
        self.memories[memory.tenant, memory.id] = memory

    async def recall(self, tenant: str, text: str, signature: Sequence[str], limit: int = 5) -> Sequence[Recollection]:
        self._check()
        wanted = _words(text, signature)
        mine = (memory for memory in self.memories.values() if memory.tenant == tenant)
        found = [Recollection(memory, _overlap(wanted, _words(memory.text, memory.signature))) for memory in mine]
        found.sort(key=lambda recollection: -recollection.similarity)
        return [recollection for recollection in found[:limit] if recollection.similarity > 0]

    async def success(self, tenant: str, fault_class: str, action: str) -> tuple[int, int]:
        self._check()
        key = (tenant, fault_class, action)
        tried = [m for m in self.memories.values() if (m.tenant, m.fault_class, m.action) == key]
        return sum(m.recovery is Recovery.RECOVERED for m in tried), len(tried)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure


def _words(text: str, signature: Sequence[str]) -> frozenset[str]:
    return frozenset({*text.lower().split(), *signature})


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def sample_memory(identity: str = "m1", **changes: Any) -> Memory:
    """A queue that backed up behind a stalled worker, healed by a restart."""
    memory = Memory(
        identity, "acme", f"inc-{identity}", AT, "orders", "queue_backlog", ("orders:backlog", "shop:latency"),
        "orders queue backlog grows because the worker stalled", "restart_process", Recovery.RECOVERED, 12.5,
    )  # fmt: skip
    return replace(memory, **changes)


class MemoryContract:
    """What every IncidentMemory keeps. Derive a test class and give it a fixture `open_memory`; called again it opens
    the same memory once more, as after a restart."""

    async def test_remembers_what_it_was_told(self, open_memory: OpenMemory) -> None:
        memory = await open_memory()
        told = [sample_memory("m1"), sample_memory("m2", text="disk full", signature=(), mttr_seconds=None)]
        for one in told:
            await memory.remember(one)
        for again in (memory, await open_memory()):
            assert [r.memory for r in await again.recall("acme", told[0].text, told[0].signature, 1)] == told[:1]
            assert [r.memory for r in await again.recall("acme", "disk full", ())][:1] == told[1:]

    async def test_what_is_the_same_is_most_similar(self, open_memory: OpenMemory) -> None:
        memory = await open_memory()
        here = sample_memory("here")
        await memory.remember(sample_memory("text", signature=("db:locks",)))
        await memory.remember(here)
        await memory.remember(sample_memory("signs", text="certificate expired"))
        found = await memory.recall("acme", here.text, here.signature)
        assert found[0].memory == here
        assert found[0].similarity > 0.99
        assert {r.memory.id for r in found} == {"here", "text", "signs"}
        similarities = [r.similarity for r in found]
        assert similarities == sorted(similarities, reverse=True)
        assert all(0 < s <= 1 for s in similarities)
        assert [r.memory.id for r in await memory.recall("acme", here.text, here.signature, 1)] == ["here"]

    async def test_finds_by_words_alone_and_by_signature_alone(self, open_memory: OpenMemory) -> None:
        memory = await open_memory()
        await memory.remember(sample_memory("queue"))
        await memory.remember(sample_memory("locks", text="two sessions wait for a lock", signature=("db:locks",)))
        assert (await memory.recall("acme", "a lock that sessions wait for", ()))[0].memory.id == "locks"
        assert [r.memory.id for r in await memory.recall("acme", "", ("db:locks",))] == ["locks"]
        assert list(await memory.recall("acme", "", ())) == []

    async def test_tenants_do_not_see_each_other(self, open_memory: OpenMemory) -> None:
        memory = await open_memory()
        await memory.remember(sample_memory("m1"))
        await memory.remember(sample_memory("m1", tenant="other", text="theirs"))
        found = await memory.recall("acme", sample_memory().text, sample_memory().signature)
        assert [r.memory.tenant for r in found] == ["acme"]
        assert list(await memory.recall("nobody", sample_memory().text, ())) == []
        assert await memory.success("other", "queue_backlog", "restart_process") == (1, 1)

    async def test_remembering_again_replaces(self, open_memory: OpenMemory) -> None:
        memory = await open_memory()
        await memory.remember(sample_memory())
        corrected = sample_memory(text="certificate expired", signature=("tls:expiry",), recovery=Recovery.UNKNOWN)
        await memory.remember(corrected)
        for again in (memory, await open_memory()):
            assert [r.memory for r in await again.recall("acme", "certificate", ("tls:expiry",))] == [corrected]
            assert list(await again.recall("acme", "", sample_memory().signature)) == []
            assert await again.success("acme", "queue_backlog", "restart_process") == (0, 1)

    async def test_counts_how_often_an_action_helped(self, open_memory: OpenMemory) -> None:
        memory = await open_memory()
        for place, recovery in enumerate((Recovery.RECOVERED, Recovery.NOT_RECOVERED, Recovery.UNKNOWN)):
            await memory.remember(sample_memory(f"m{place}", recovery=recovery))
        await memory.remember(sample_memory("other", action="drain_queue"))
        await memory.remember(sample_memory("another", fault_class="crash"))
        assert await memory.success("acme", "queue_backlog", "restart_process") == (1, 3)
        assert await memory.success("acme", "queue_backlog", "drain_queue") == (1, 1)
        assert await memory.success("acme", "never", "seen") == (0, 0)


class EmbedderContract:
    """What every Embedder keeps. Give the test class a fixture `embedder`."""

    def test_vectors_have_unit_length(self, embedder: Embedder) -> None:
        vectors = embedder.embed(["connection refused by the database", "", "  ", "42", "日本語", "a" * 10_000])
        assert vectors.shape == (6, embedder.dimensions)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
        assert embedder.embed([]).shape == (0, embedder.dimensions)

    def test_the_same_text_gives_the_same_vector(self, embedder: Embedder) -> None:
        text = "worker stalled: no acknowledgement for 30 s"
        alone, together = embedder.embed([text])[0], embedder.embed(["other", text])[1]
        np.testing.assert_allclose(alone, together, atol=1e-5)

    def test_texts_about_the_same_are_nearer(self, embedder: Embedder) -> None:
        question, near, far = embedder.embed(
            ["timeouts calling the payment bank", "payment: the bank timeout was reached", "memory grows without bound"]
        )
        assert question @ near > question @ far + 0.1
