import configparser
import tomllib
from pathlib import Path
from random import Random

import pytest

from akeso.config.service_file import load_services
from akeso.lab.errors import ShopError, ShopNotRunning
from akeso.lab.street.faults.changes import FILE, release_is_good, settings_are_good
from akeso.lab.street.folder import Facts, StreetFolder
from akeso.lab.street.stack.facts import Addresses
from akeso.lab.street.stack.ports import USUAL, chosen_ports
from akeso.lab.street.stack.programs import Program, supervisor_text
from akeso.lab.street.stack.services import deliver_first, first_settings, toml
from akeso.lab.street.stack.services_file import services_text
from akeso.lab.street.stack.street import Street
from akeso.lab.street.visitors.habits import HABITS, WAVE, tide


def street(path: Path) -> Street:
    folder = StreetFolder(path)
    folder.save(Facts(USUAL, "write", True, True, "loop", "/var/lib/postgresql", 0, None, None))
    return Street.at(folder)


def test_in_a_network_of_its_own_the_ports_are_the_usual_ones() -> None:
    assert chosen_ports(own_network=True)["postgres"] == 5432


def test_elsewhere_every_port_is_another() -> None:
    ports = chosen_ports(own_network=False)
    assert ports.keys() == USUAL.keys()
    assert len(set(ports.values())) == len(ports)


def test_a_folder_without_a_street_says_so(tmp_path: Path) -> None:
    with pytest.raises(ShopNotRunning, match="street up"):
        StreetFolder(tmp_path).facts()


def test_the_facts_of_another_version_are_refused(tmp_path: Path) -> None:
    folder = StreetFolder(tmp_path)
    folder.facts_file.write_text('{"ports": {}}')
    with pytest.raises(ShopError, match="another version"):
        folder.facts()


def test_the_facts_are_read_as_they_were_saved(tmp_path: Path) -> None:
    assert street(tmp_path).facts.ports["redis"] == 6379


def test_names_are_used_where_the_hosts_file_is_its_own() -> None:
    assert Addresses(USUAL, own_mounts=True).database == "postgresql://library@db.internal:5432/postgres"
    assert Addresses(USUAL, own_mounts=False).loans == "https://127.0.0.1:8443"


def test_the_supervisor_runs_instances_of_a_service_as_one_group(tmp_path: Path) -> None:
    programs = [
        Program(f"catalog_{n}", ["run", "--at=100%"], group="catalog", environment={"A": "b%c"}) for n in (0, 1)
    ]
    parsed = configparser.RawConfigParser()
    parsed.read_string(supervisor_text(StreetFolder(tmp_path), 9001, programs))
    assert parsed["group:catalog"]["programs"] == "catalog_0,catalog_1"
    assert parsed["program:catalog_1"]["command"] == '"run" "--at=100%%"'
    assert parsed["program:catalog_1"]["environment"] == 'A="b%%c"'
    assert parsed["program:catalog_1"]["autorestart"] == "false"


@pytest.mark.parametrize("service", ["web", "catalog", "loans", "mailer", "overdue"])
def test_settings_are_read_as_they_were_written(service: str) -> None:
    settings = first_settings(service, Addresses(USUAL, own_mounts=True))
    assert tomllib.loads(toml(settings)) == settings


def test_what_is_delivered_first_is_good_and_what_is_changed_is_not(tmp_path: Path) -> None:
    place = street(tmp_path)
    deliver_first(place.folder, place.addresses)
    assert settings_are_good(place, "catalog")
    assert release_is_good(place, "catalog")
    place.folder.configurations("catalog").add("3", {FILE: toml({"similar": 100})})
    place.folder.configurations("catalog").promote("3")
    (place.folder.releases("catalog").root / "current" / "release.py").write_text("broken")
    assert not settings_are_good(place, "catalog")
    assert not release_is_good(place, "catalog")


def test_akeso_reads_what_the_operator_wrote(tmp_path: Path) -> None:
    place = street(tmp_path)
    place.folder.services_file.write_text(services_text(place.folder, place.supervisor.url, place.dsn))
    services = load_services(place.folder.services_file)
    assert services.specs.keys() == {"nginx", "web", "catalog", "loans", "mailer", "postgres", "redis", "rabbitmq"}


def test_visitors_come_more_and_less_but_always_come() -> None:
    factors = [tide(at) for at in range(0, 240, 10)]
    assert min(factors) >= 1 - WAVE > 0
    assert max(factors) <= 1 + WAVE


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
def test_a_habit_asks_for_a_page(habit: object) -> None:
    random = Random(1)
    drawn = {habit.draw(random).path for _ in range(200)}  # type: ignore[attr-defined]
    assert all(path.startswith("/") for path in drawn)
