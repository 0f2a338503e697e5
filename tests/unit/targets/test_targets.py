"""The parts of actions that decide without asking anybody."""

import pytest

from akeso.domain.errors import ActionFailed
from akeso.targets.binding import seconds, whole_number
from akeso.targets.supervisor import Member, due, renewed, restart_record


def member(name: str, state: str, pid: int = 0, start: int = 0) -> Member:
    return Member(name, state, pid, start, 100)


UP, DOWN, SPARE = member("a_0", "RUNNING", 7, 50), member("a_1", "FATAL"), member("a_2", "STOPPED")


def test_the_dead_are_restarted_before_the_living_and_spares_are_left_alone() -> None:
    assert due((UP, DOWN, SPARE)) == (DOWN, UP)


def test_a_limit_takes_the_dead_first() -> None:
    assert due((UP, DOWN, SPARE), 1) == (DOWN,)


def test_a_service_that_was_stopped_altogether_gets_its_first_member() -> None:
    assert due((SPARE, member("a_3", "STOPPED"))) == (SPARE,)


def test_the_record_tells_the_guards_what_a_restart_takes_down() -> None:
    assert restart_record((UP, DOWN), (DOWN,))["takes_down"] == "0"
    assert restart_record((UP, DOWN), (DOWN, UP))["takes_down"] == "1"
    assert restart_record((UP, DOWN), (DOWN, UP))["running"] == "1"


def test_only_a_new_process_started_since_counts_as_renewed() -> None:
    assert renewed(member("a_0", "RUNNING", 8, 101), UP.record, 100)
    assert not renewed(member("a_0", "RUNNING", 7, 101), UP.record, 100)
    assert not renewed(member("a_0", "RUNNING", 8, 99), UP.record, 100)
    assert not renewed(member("a_0", "STARTING", 8, 101), UP.record, 100)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_a_wrong_count_is_refused_by_name(text: str) -> None:
    with pytest.raises(ActionFailed, match=r"parameters\.instances"):
        whole_number({"instances": text}, "instances", 1)


@pytest.mark.parametrize("text", ["-1", "soon", "1.2.3", "inf"])
def test_a_wrong_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ActionFailed, match=r"parameters\.idle_s"):
        seconds({"idle_s": text}, "idle_s", 1.0)


def test_parameters_have_defaults() -> None:
    assert whole_number({}, "instances", 3) == 3
    assert seconds({"idle_s": "2.5"}, "idle_s", 1.0) == 2.5
