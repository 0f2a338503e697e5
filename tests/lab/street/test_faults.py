import pytest

from akeso.lab.errors import UnknownFault
from akeso.lab.street.faults.fault import right_name
from akeso.lab.street.faults.register import FAULTS, chosen

HURTING = chosen("faults")


@pytest.mark.parametrize("fault", HURTING, ids=lambda fault: fault.name)
def test_what_hurts_has_a_truth(fault: object) -> None:
    truth = FAULTS[fault.name].truth  # type: ignore[attr-defined]
    assert truth.entities
    assert truth.kinds
    assert truth.hurts


@pytest.mark.parametrize("fault", chosen("benign"), ids=lambda fault: fault.name)
def test_what_is_benign_blames_nobody(fault: object) -> None:
    truth = FAULTS[fault.name].truth  # type: ignore[attr-defined]
    assert (truth.entities, truth.kinds, truth.hurts, truth.remedies) == ((), (), (), ())


def test_faults_and_benign_are_all() -> None:
    assert {*HURTING, *chosen("benign")} == {*chosen("all")}


@pytest.mark.parametrize("names", ["", "nonsense", "redis_stopped,nonsense"])
def test_an_unknown_name_is_refused(names: str) -> None:
    with pytest.raises(UnknownFault):
        chosen(names)


def test_names_in_a_list_are_taken_in_its_order() -> None:
    assert [fault.name for fault in chosen("process_killed, redis_stopped")] == ["process_killed", "redis_stopped"]


@pytest.mark.parametrize("named", ["postgres", "Postgres", "db.internal", "db.internal:5432", "production/postgres"])
def test_the_same_thing_by_another_of_its_names_is_right(named: str) -> None:
    assert right_name(("postgres", "db", "db.internal"), named)


@pytest.mark.parametrize("named", ["", "web", "postgres-replica", "dbx"])
def test_another_thing_is_wrong(named: str) -> None:
    assert not right_name(("postgres", "db", "db.internal"), named)
