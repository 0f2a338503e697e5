"""The governance agent: the one place where proposed steps are judged."""

from collections.abc import Mapping
from datetime import datetime

from akeso.domain.incident.verdict import Deny, Verdict
from akeso.domain.messages import PolicyAnswer, PolicyQuestion
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.policy import Policy

POLICY_ERROR = "policy-error"


class GovernanceAgent:
    """Answers every PolicyQuestion with one PolicyAnswer of the same id, on policy-decisions, keyed as it was asked.

    An error of the policy is a denial with the reason. A bus that is down is for the runtime to retry: the question
    is then answered again, with the same id.
    """

    name = "governance"
    topics = (Topic.POLICY_REQUESTS,)

    def __init__(self, bus: Bus, clock: Clock, policy: Policy) -> None:
        self._bus, self._clock, self._policy = bus, clock, policy
        self._decisions = self._denials = self._errors = 0
        self._latency_ms = 0.0

    def use(self, policy: Policy) -> None:
        """What judges from the next question on."""
        self._policy = policy

    @property
    def numbers(self) -> Mapping[str, float]:
        """Counts since the start, and how long the last decision took."""
        return {
            "decisions": self._decisions,
            "denials": self._denials,
            "errors": self._errors,
            "latency_ms": self._latency_ms,
        }

    async def start(self) -> None:
        """Nothing to prepare: the policies were read when the policy was built."""

    async def handle(self, message: Message) -> None:
        """Judge and answer. What is no question cannot be answered and only counts as an error."""
        if not isinstance(message.payload, PolicyQuestion):
            self._errors += 1
            return
        question = message.payload
        started = self._clock.nanoseconds()
        verdict = self._judge(question)
        self._latency_ms = (self._clock.nanoseconds() - started) / 1e6
        self._decisions += 1
        self._denials += isinstance(verdict, Deny)
        answer = PolicyAnswer(question.id, question.incident, verdict)
        await self._bus.publish(Topic.POLICY_DECISIONS, message.key, answer)

    async def tick(self, at: datetime) -> None:
        """Nothing happens without a question."""

    async def stop(self) -> None:
        """Nothing to give back."""

    def _judge(self, question: PolicyQuestion) -> Verdict:
        try:
            return self._policy.decide(question.request)
        except Exception as exc:  # noqa: BLE001 - a worker's boundary: whatever breaks here must never let a step pass
            self._errors += 1
            return Deny(POLICY_ERROR, f"the policy failed: {type(exc).__name__}: {exc}")
