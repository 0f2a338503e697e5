"""Every action that ships, without any target."""

from typing import ClassVar

import pytest

from akeso.domain.estate.service import Binding
from akeso.plugins.discovery import build, discover
from akeso.ports.action import Action
from akeso.testing.conformance.actions import ActionConformance, ScriptedAction

PORT = 1  # nothing is sent there: these checks end before anything is reached


@pytest.fixture(params=sorted(discover("actions")))
def action(request: pytest.FixtureRequest) -> Action:
    built: Action = build("actions")[request.param]
    return built


def test_every_action_describes_itself(action: Action) -> None:
    ActionConformance(action, PORT).describes_itself()


async def test_every_action_names_a_missing_or_wrong_binding(action: Action) -> None:
    await ActionConformance(action, PORT).names_what_is_missing()


async def test_no_irreversible_action_pretends_to_undo(action: Action) -> None:
    await ActionConformance(action, PORT).cannot_undo_what_is_irreversible()


async def test_every_action_shows_its_binding(action: Action) -> None:
    ActionConformance(action, PORT).shows_its_binding()


async def test_every_action_names_a_missing_or_empty_field(action: Action) -> None:
    await ActionConformance(action, PORT).names_a_missing_field()


async def test_an_undo_of_a_webhook_that_is_missing_is_named() -> None:
    binding = {"kind": "webhook", "url": "http://127.0.0.1:1/do", "undo": "http://127.0.0.1:1/undo"}
    webhook = build("actions", {"call_webhook": {"reversible": True}})["call_webhook"]
    await ActionConformance(webhook, PORT, binding).names_a_missing_field()


class Anywhere(ScriptedAction):
    example_binding: ClassVar[Binding] = {"kind": "supervisord", "url": "http://127.0.0.1:9001/RPC2"}


async def test_the_conformance_suite_finds_an_action_that_takes_any_binding() -> None:
    with pytest.raises(AssertionError, match="took a wrong binding"):
        await ActionConformance(Anywhere(binding="process"), PORT).names_what_is_missing()


async def test_the_conformance_suite_finds_an_action_that_claims_success_without_a_target() -> None:
    with pytest.raises(AssertionError):
        await ActionConformance(ScriptedAction(), PORT).never_claims_success_without_a_target()


async def test_the_conformance_suite_finds_an_action_that_shows_no_binding() -> None:
    with pytest.raises(AssertionError, match="example_binding"):
        ActionConformance(ScriptedAction(binding="tape-robot"), PORT).shows_its_binding()


async def test_the_conformance_suite_finds_an_action_that_never_reads_a_field_it_shows() -> None:
    with pytest.raises(AssertionError, match="took a wrong binding"):
        await ActionConformance(Anywhere(binding="process"), PORT).names_a_missing_field()
