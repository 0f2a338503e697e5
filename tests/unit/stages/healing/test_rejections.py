"""For how long, and for what, a person's no holds."""

from datetime import UTC, datetime, timedelta

import pytest

from akeso.domain.incident.plan import Step
from akeso.domain.telemetry.batches import Change
from akeso.stages.healing.rejections import Rejection, RejectionOptions, holds, standing

NOW = datetime(2030, 1, 8, 12, tzinfo=UTC)
OPTIONS = RejectionOptions()
CAUSE = ("pay", "latency_degradation")


def rejected(ago: timedelta) -> Rejection:
    return Rejection("t", "i0", "s0", "restart", "pay", *CAUSE, "ann", NOW - ago, "it loses the queue")


def held(step: Step, cause: tuple[str, str] = CAUSE, ago: timedelta = timedelta(hours=1)) -> bool:
    return holds(step, cause, [rejected(ago)], NOW, OPTIONS) is not None


def test_the_rejected_remedy_is_not_proposed_again() -> None:
    assert held(Step("s1", "restart", "pay"))


@pytest.mark.parametrize("step", [Step("s1", "rollback", "pay"), Step("s1", "restart", "cart")], ids=str)
def test_another_remedy_or_another_target_is_another_question(step: Step) -> None:
    assert not held(step)


@pytest.mark.parametrize(
    ("cause", "ago", "expected"),
    [
        (CAUSE, timedelta(days=6), True),
        (CAUSE, timedelta(days=8), False),
        (("pay", "error_burst"), timedelta(hours=20), True),
        (("pay", "error_burst"), timedelta(hours=30), False),
    ],
)
def test_it_holds_longest_for_its_own_cause(cause: tuple[str, str], ago: timedelta, expected: bool) -> None:
    assert held(Step("s1", "restart", "pay"), cause, ago) is expected


def changed(by: str = "ci", service: str = "pay", ago: timedelta = timedelta(minutes=5)) -> Change:
    return Change(service, "deploy", "2", NOW - ago, by)


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        (changed(), False),
        (changed(by="akeso"), True),
        (changed(service="cart"), True),
        (changed(ago=timedelta(hours=2)), True),
    ],
    ids=["a deploy since", "what Akeso did itself", "another service", "a deploy before"],
)
def test_a_change_of_the_service_since_then_ends_it(change: Change, stands: bool) -> None:
    assert bool(standing([rejected(timedelta(hours=1))], [change], NOW, OPTIONS)) is stands
