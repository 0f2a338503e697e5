"""The agent that answers policy questions."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from akeso.agents.incidents.governance import POLICY_ERROR, GovernanceAgent
from akeso.domain.errors import Unavailable
from akeso.domain.incident.verdict import Allow, Deny, PolicyRequest, Verdict
from akeso.domain.messages import PolicyAnswer, PolicyQuestion
from akeso.ports.bus import Message, Subscription, Topic
from akeso.testing.clock import FakeClock
from akeso.testing.policy import ROUTINE, ScriptedPolicy

QUESTION = Message(Topic.POLICY_REQUESTS, "i1", PolicyQuestion("q1", "i1", ROUTINE))


class Answers:
    """A bus that keeps what is published, or is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.published: list[tuple[Topic, str, Any]] = []

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        if self.down:
            raise Unavailable("the bus is down")
        self.published.append((topic, key, payload))

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        raise NotImplementedError

    async def close(self) -> None: ...


async def test_a_question_gets_the_policy_s_verdict_under_its_id() -> None:
    bus, policy = Answers(), ScriptedPolicy(Allow("p"))
    await GovernanceAgent(bus, FakeClock(), policy).handle(QUESTION)
    assert policy.asked == [ROUTINE]
    assert bus.published == [(Topic.POLICY_DECISIONS, "i1", PolicyAnswer("q1", "i1", Allow("p")))]


async def test_a_policy_that_breaks_denies_with_the_reason() -> None:
    def breaks(request: PolicyRequest) -> Verdict:
        raise RuntimeError("no engine")

    bus = Answers()
    agent = GovernanceAgent(bus, FakeClock(), ScriptedPolicy(breaks))
    await agent.handle(QUESTION)
    assert bus.published[0][2].verdict == Deny(POLICY_ERROR, "the policy failed: RuntimeError: no engine")
    assert (agent.numbers["decisions"], agent.numbers["denials"], agent.numbers["errors"]) == (1, 1, 1)


async def test_what_is_no_question_is_counted_and_left() -> None:
    bus = Answers()
    agent = GovernanceAgent(bus, FakeClock(), ScriptedPolicy())
    await agent.handle(Message(Topic.POLICY_REQUESTS, "i1", "may I?"))
    assert not bus.published
    assert agent.numbers["errors"] == 1


async def test_a_bus_that_is_down_is_left_to_the_runtime() -> None:
    with pytest.raises(Unavailable):
        await GovernanceAgent(Answers(down=True), FakeClock(), ScriptedPolicy()).handle(QUESTION)
