"""The actions on Akeso's own pipeline."""

from datetime import timedelta
from typing import Any

import pytest

from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.plugins.discovery import build
from akeso.ports.action import Action
from akeso.testing.pipeline import FakePipeline

SERVICE = ServiceSpec("akeso.model")
OWN = ("safe_mode", "rollback_model", "retrain_model", "adjust_threshold", "restart_agent")


def action(name: str, pipeline: FakePipeline | None) -> Any:
    made = build("actions")[name]
    if pipeline is not None:
        made.connect(pipeline)
    return made


def step(name: str, **parameters: str) -> Step:
    return Step("s1", name, "akeso.model", parameters)


@pytest.mark.parametrize("name", OWN)
async def test_without_a_pipeline_nothing_is_claimed(name: str) -> None:
    made: Action = action(name, None)
    with pytest.raises(ActionFailed, match="not connected"):
        await made.capture(step(name), SERVICE)
    state = {"mode": "on", "model": "2", "previous": "1", "threshold": "1.0", "wanted": "0.9"}
    assert isinstance(await made.apply(step(name), SERVICE, "k", state), Failed)
    assert isinstance(await made.check(step(name), SERVICE, "k", state), Unknown)


async def test_rolling_back_brings_the_version_before_and_undoing_brings_the_bad_one_back() -> None:
    pipeline = FakePipeline("1", "2")
    pipeline.before = "1"
    roll = action("rollback_model", pipeline)
    state = await roll.capture(step("rollback_model"), SERVICE)
    assert state == {"model": "2", "previous": "1"}
    assert isinstance(await roll.check(step("rollback_model"), SERVICE, "k", state), Failed)
    assert isinstance(await roll.apply(step("rollback_model"), SERVICE, "k", state), Done)
    assert pipeline.model == "1"
    assert isinstance(await roll.check(step("rollback_model"), SERVICE, "k", state), Done)
    assert isinstance(await roll.undo(step("rollback_model"), SERVICE, "k", state), Done)
    assert pipeline.model == "2"


async def test_there_is_no_rolling_back_of_the_first_version() -> None:
    with pytest.raises(ActionFailed, match="before this one"):
        await action("rollback_model", FakePipeline("1")).capture(step("rollback_model"), SERVICE)


async def test_a_registry_that_is_away_leaves_a_rollback_open() -> None:
    pipeline = FakePipeline("1", "2")
    pipeline.failure = Unavailable("the registry does not answer")
    state = {"model": "2", "previous": "1"}
    roll = action("rollback_model", pipeline)
    assert isinstance(await roll.apply(step("rollback_model"), SERVICE, "k", state), Unknown)


async def test_a_version_that_was_pruned_meanwhile_fails() -> None:
    roll = action("rollback_model", FakePipeline("1", "2"))
    outcome = await roll.apply(step("rollback_model"), SERVICE, "k", {"model": "2", "previous": "9"})
    assert isinstance(outcome, Failed)
    assert "version 9" in outcome.why


@pytest.mark.parametrize(("history", "window"), [("all", None), ("recent", timedelta(minutes=5))])
async def test_retraining_promotes_the_new_version(history: str, window: timedelta | None) -> None:
    pipeline = FakePipeline("1")
    train, asked = action("retrain_model", pipeline), step("retrain_model", history=history)
    state = await train.capture(asked, SERVICE)
    outcome = await train.apply(asked, SERVICE, "k", state)
    assert isinstance(outcome, Done)
    assert "120 slots" in outcome.detail
    assert (pipeline.model, pipeline.windows) == ("2", [window])
    assert isinstance(await train.check(asked, SERVICE, "k", state), Done)
    assert isinstance(await train.undo(asked, SERVICE, "k", state), Done)
    assert pipeline.model == "1"


async def test_too_little_to_train_on_is_a_failure_and_changes_nothing() -> None:
    pipeline = FakePipeline("1")
    pipeline.trainable = False
    outcome = await action("retrain_model", pipeline).apply(step("retrain_model"), SERVICE, "k", {"model": "1"})
    assert isinstance(outcome, Failed)
    assert pipeline.model == "1"


async def test_a_threshold_is_multiplied_and_put_back() -> None:
    pipeline = FakePipeline("1")
    pipeline.threshold = 2.0
    adjust, asked = action("adjust_threshold", pipeline), step("adjust_threshold", factor="0.8")
    state = await adjust.capture(asked, SERVICE)
    assert isinstance(await adjust.apply(asked, SERVICE, "k", state), Done)
    assert pipeline.threshold == pytest.approx(1.6)
    assert isinstance(await adjust.check(asked, SERVICE, "k", state), Done)
    await adjust.undo(asked, SERVICE, "k", state)
    assert pipeline.threshold == 2.0


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("adjust_threshold", {"factor": "x"}, "parameters.factor"),
        ("adjust_threshold", {"factor": "0"}, "parameters.factor"),
        ("adjust_threshold", {"factor": "nan"}, "parameters.factor"),
        ("retrain_model", {"history": "none"}, "parameters.history"),
    ],
)
async def test_a_wrong_parameter_is_named(name: str, parameters: dict[str, str], field: str) -> None:
    with pytest.raises(ActionFailed, match=field):
        await action(name, FakePipeline("1")).capture(step(name, **parameters), SERVICE)


async def test_the_agent_that_a_service_stands_for_is_restarted() -> None:
    pipeline = FakePipeline()
    restart = action("restart_agent", pipeline)
    assert await restart.capture(step("restart_agent"), SERVICE) == {"agent": "model", "alive": "false"}
    assert isinstance(await restart.check(step("restart_agent"), SERVICE, "k", {}), Failed)
    assert isinstance(await restart.apply(step("restart_agent"), SERVICE, "k", {}), Done)
    assert pipeline.restarted == ["model"]
    assert isinstance(await restart.check(step("restart_agent"), SERVICE, "k", {}), Done)


@pytest.mark.parametrize(("target", "why"), [("akeso.nobody", "no agent nobody"), ("akeso.healing", "itself")])
async def test_only_agents_are_restarted_and_never_the_one_that_does_it(target: str, why: str) -> None:
    pipeline = FakePipeline()
    with pytest.raises(ActionFailed, match=why):
        await action("restart_agent", pipeline).capture(Step("s", "restart_agent", target), ServiceSpec(target))
    outcome = await action("restart_agent", pipeline).apply(
        Step("s", "restart_agent", target), ServiceSpec(target), "k", {}
    )
    assert isinstance(outcome, Failed)
    assert not pipeline.restarted
