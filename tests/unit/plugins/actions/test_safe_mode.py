"""Safe mode is announced to the pipeline."""

from akeso.domain.errors import Unavailable
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.plugins.actions.safe_mode import SafeMode
from akeso.ports.pipeline import Actor
from akeso.testing.pipeline import FakePipeline

STEP, SERVICE = Step("1", "safe_mode", "akeso.model"), ServiceSpec("akeso.model")


def connected(pipeline: FakePipeline, *, enabled: bool = False) -> SafeMode:
    action = SafeMode()
    pipeline.safe_mode = enabled
    action.connect(pipeline)
    return action


async def test_switching_it_on_tells_every_agent() -> None:
    pipeline = FakePipeline()
    assert isinstance(await connected(pipeline).apply(STEP, SERVICE, "k1", {"mode": "off"}), Done)
    assert pipeline.configured == [("safe_mode", "on", Actor("safe_mode", "k1"))]


async def test_undoing_puts_the_captured_mode_back() -> None:
    pipeline = FakePipeline()
    action = connected(pipeline, enabled=True)
    before = await action.capture(STEP, SERVICE)
    await action.undo(STEP, SERVICE, "k1", before)
    assert pipeline.configured[0][1] == "on"


async def test_it_can_be_switched_off() -> None:
    pipeline, off = FakePipeline(), Step("1", "safe_mode", "akeso.model", {"mode": "off"})
    await connected(pipeline).apply(off, SERVICE, "k1", {})
    assert pipeline.configured[0][1] == "off"


async def test_an_unknown_mode_fails_and_says_so() -> None:
    pipeline, odd = FakePipeline(), Step("1", "safe_mode", "akeso.model", {"mode": "maybe"})
    outcome = await connected(pipeline).apply(odd, SERVICE, "k1", {})
    assert isinstance(outcome, Failed)
    assert "parameters.mode" in outcome.why
    assert not pipeline.configured


async def test_a_bus_that_is_down_leaves_it_open_whether_agents_were_told() -> None:
    pipeline = FakePipeline()
    pipeline.failure = Unavailable("the bus is down")
    assert isinstance(await connected(pipeline).apply(STEP, SERVICE, "k1", {}), Unknown)


async def test_checking_looks_at_how_it_stands() -> None:
    assert isinstance(await connected(FakePipeline(), enabled=True).check(STEP, SERVICE, "k", {}), Done)
    assert isinstance(await connected(FakePipeline()).check(STEP, SERVICE, "k", {}), Failed)


async def test_an_unconnected_action_fails() -> None:
    assert isinstance(await SafeMode().apply(STEP, SERVICE, "k", {}), Failed)
