import pytest

from akeso.lab.errors import UnknownFault
from akeso.lab.faults.fault import Fault
from akeso.lab.faults.register import FAULTS, chosen
from akeso.lab.shop.blueprint import SHOP

ACTIONS = {
    "restart",
    "rollback_release",
    "revert_configuration",
    "scale_out",
    "redrive_queue",
    "end_database_session",
    "switch_fallback",
}
EVERY = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))


def test_there_are_at_least_fourteen_faults() -> None:
    assert len(FAULTS) >= 14


@EVERY
def test_targets_are_services_and_remedies_are_actions(fault: Fault) -> None:
    assert {*fault.targets, *map(fault.truth, fault.targets)} <= set(SHOP.by_name)
    assert fault.remedies
    assert set(fault.remedies) <= ACTIONS


@EVERY
def test_a_seed_and_a_repeat_stand_for_one_injection(fault: Fault) -> None:
    assert fault.drawn(5, 1) == fault.drawn(5, 1)


@EVERY
def test_repeats_hit_different_targets_while_there_are_any(fault: Fault) -> None:
    hit = [fault.drawn(3, repeat).target for repeat in range(len(fault.targets))]
    assert sorted(hit) == sorted(fault.targets)


@EVERY
def test_seeds_draw_differently_where_there_is_a_choice(fault: Fault) -> None:
    drawn = {
        (injection.target, tuple(injection.parameters.items()))
        for injection in (fault.drawn(seed, 0) for seed in range(20))
    }
    assert len(drawn) > 1 or (len(fault.targets) == 1 and not fault.drawn(0, 0).parameters)


def test_a_target_that_is_not_eligible_is_refused() -> None:
    with pytest.raises(UnknownFault, match="db_lock can hit shop-db"):
        FAULTS["db_lock"].drawn(1, 0, "cart")


def test_an_action_is_acceptable_only_on_the_right_service() -> None:
    leak = FAULTS["memory_leak"]
    assert leak.accepts("restart", "cart", "cart")
    assert not leak.accepts("restart", "frontend", "cart")
    assert not leak.accepts("scale_out", "cart", "cart")


def test_the_fallback_of_a_slow_provider_is_switched_at_its_caller() -> None:
    slow = FAULTS["slow_external"]
    assert slow.truth("bank") == "bank"
    assert slow.accepts("switch_fallback", "payment", "bank")


def test_faults_are_chosen_by_name() -> None:
    assert [fault.name for fault in chosen("crash, db_lock")] == ["crash", "db_lock"]
    assert len(chosen("all")) == len(FAULTS)


@pytest.mark.parametrize("names", ["nonsense", "", "crash,nonsense"])
def test_unknown_names_are_refused(names: str) -> None:
    with pytest.raises(UnknownFault, match="unknown faults"):
        chosen(names)
