from pathlib import Path

from akeso.lab.chassis.directory import LISTED_FOR_S, Directory, Endpoint, publish, withdraw
from akeso.lab.shop.folder import RunFolder


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def endpoint(number: int) -> Endpoint:
    return Endpoint(f"cart_{number}", 1000 + number, 2000 + number, 3000 + number)


def test_nobody_is_found_where_nobody_is_ready(tmp_path: Path) -> None:
    assert Directory(RunFolder(tmp_path)).candidates("cart") == ()


def test_calls_go_to_the_instances_in_turn(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for number in (0, 1):
        publish(folder, "cart", endpoint(number))
    directory = Directory(folder, Clock())
    firsts = [directory.candidates("cart")[0].instance for _ in range(4)]
    assert firsts == ["cart_0", "cart_1", "cart_0", "cart_1"]


def test_each_call_knows_the_other_instances_too(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for number in (0, 1):
        publish(folder, "cart", endpoint(number))
    assert {each.instance for each in Directory(folder).candidates("cart")} == {"cart_0", "cart_1"}


def test_a_withdrawn_instance_is_gone_after_the_next_listing(tmp_path: Path) -> None:
    folder, clock = RunFolder(tmp_path), Clock()
    publish(folder, "cart", endpoint(0))
    directory = Directory(folder, clock)
    assert directory.candidates("cart") == (endpoint(0),)
    withdraw(folder, "cart", "cart_0")
    assert directory.candidates("cart") == (endpoint(0),)
    clock.now = LISTED_FOR_S
    assert directory.candidates("cart") == ()


def test_withdrawing_twice_is_no_error(tmp_path: Path) -> None:
    withdraw(RunFolder(tmp_path), "cart", "cart_0")
