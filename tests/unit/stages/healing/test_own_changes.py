"""A change that was taken back is no suspect any more, and Akeso's own effects are changes."""

from datetime import UTC, datetime, timedelta

from akeso.domain.estate.changes import standing
from akeso.domain.incident.plan import Step
from akeso.domain.telemetry.batches import Change
from akeso.plugins.discovery import build
from akeso.stages.healing.own_changes import change_kinds, change_of
from akeso.testing.conformance.actions import ScriptedAction

KINDS = change_kinds(build("actions"))
AT = datetime(2026, 1, 1, tzinfo=UTC)


def change(kind: str, after: float = 0.0, service: str = "cart") -> Change:
    return Change(service, kind, "2", AT + timedelta(seconds=after))


def test_a_deploy_stands_until_it_is_rolled_back() -> None:
    deploy, rollback = change("deploy"), change("rollback", 10)
    assert standing([deploy]) == (deploy,)
    assert standing([deploy, rollback]) == (rollback,)


def test_a_rollback_takes_back_nothing_that_came_later_nor_elsewhere_nor_of_another_kind() -> None:
    kept = (change("deploy", 20), change("deploy", service="shop"), change("config"))
    assert set(standing([change("rollback", 10), *kept])) >= set(kept)


def test_a_rollback_is_a_change_of_its_target_and_undoing_it_deploys_again() -> None:
    step = Step("s", "rollback_release", "cart")
    done, undone = change_of(step, AT, KINDS, undone=False), change_of(step, AT, KINDS, undone=True)
    assert done is not None
    assert undone is not None
    assert (done.service, done.kind, undone.kind) == ("cart", "rollback", "deploy")


def test_effects_that_change_no_service_are_no_changes() -> None:
    assert change_of(Step("s", "end_database_session", "db"), AT, KINDS, undone=False) is None


def test_an_action_says_itself_what_change_it_is() -> None:
    kinds = change_kinds({"quiet": ScriptedAction(), "loud": Loud()})
    assert kinds == {"loud": ("cache", "uncache")}


class Loud(ScriptedAction):
    change_kind = ("cache", "uncache")
