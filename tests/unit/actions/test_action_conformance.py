"""Every action that ships, without any target."""

import pytest

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.plan import Step
from akeso.plugins.discovery import build, discover
from akeso.ports.action import Action
from akeso.testing.actions import ActionConformance, ScriptedAction, unreachable_bindings

PORT = 1  # nothing is sent there: these checks end before anything is reached
REQUIRED = {
    "restart": ("process", ("url", "group")),
    "scale_out": ("process", ("url", "group")),
    "scale_in": ("process", ("url", "group")),
    "rollback_release": ("release", ("path",)),
    "revert_configuration": ("configuration", ("path",)),
    "redrive_queue": ("queue", ("url", "stream", "group")),
    "purge_queue": ("queue", ("url", "stream", "group")),
    "drain_queue": ("queue", ("url", "stream", "group")),
    "end_database_session": ("database", ("dsn",)),
    "switch_fallback": ("fallback", ("on", "off", "status")),
    "call_webhook": ("webhook", ("url",)),
}
FIELDS = [(name, binding, field) for name, (binding, fields) in REQUIRED.items() for field in fields]


@pytest.fixture(params=sorted(discover("actions")))
def action(request: pytest.FixtureRequest) -> Action:
    built: Action = build("actions")[request.param]
    return built


def test_the_actions_of_the_first_issue_ship() -> None:
    own = {"safe_mode", "rollback_model", "retrain_model", "adjust_threshold", "restart_agent"}
    assert set(discover("actions")) == {*REQUIRED, *own}


def test_every_action_describes_itself(action: Action) -> None:
    ActionConformance(action, PORT).describes_itself()


async def test_every_action_names_a_missing_or_wrong_binding(action: Action) -> None:
    await ActionConformance(action, PORT).names_what_is_missing()


async def test_no_irreversible_action_pretends_to_undo(action: Action) -> None:
    await ActionConformance(action, PORT).cannot_undo_what_is_irreversible()


@pytest.mark.parametrize(("name", "binding", "field"), FIELDS)
@pytest.mark.parametrize("emptied", [True, False])
async def test_a_missing_or_empty_field_is_named(name: str, binding: str, field: str, emptied: bool) -> None:
    bindings = unreachable_bindings(PORT)
    bindings[binding] = {k: v for k, v in bindings[binding].items() if k != field} | ({field: ""} if emptied else {})
    with pytest.raises(ActionFailed, match=rf"services\.payments\.bindings\.{binding}\.{field}: is missing"):
        await build("actions")[name].capture(Step("1", name, "payments"), ServiceSpec("payments", bindings=bindings))


async def test_the_conformance_suite_finds_an_action_that_takes_any_binding() -> None:
    with pytest.raises(AssertionError, match="took a wrong binding"):
        await ActionConformance(ScriptedAction(binding="process"), PORT).names_what_is_missing()


async def test_the_conformance_suite_finds_an_action_that_claims_success_without_a_target() -> None:
    with pytest.raises(AssertionError):
        await ActionConformance(ScriptedAction(), PORT).never_claims_success_without_a_target()
