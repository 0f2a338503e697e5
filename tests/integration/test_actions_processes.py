"""Actions on real processes under a real supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xmlrpc.client import ServerProxy

import pytest

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.lab.shop.ports import free_ports
from akeso.plugins.actions.restart import Restart
from akeso.plugins.actions.revert_configuration import RevertConfiguration
from akeso.plugins.actions.rollback_release import RollbackRelease
from akeso.plugins.actions.scale_in import ScaleIn
from akeso.plugins.actions.scale_out import ScaleOut

pytestmark = pytest.mark.integration

CONFIGURATION = """
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/supervisord.pid
[inet_http_server]
port=127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command={command}
autostart={autostart}
autorestart=unexpected
startsecs=1
startretries=1
stopwaitsecs=30
stdout_logfile=NONE
redirect_stderr=true
[group:{group}]
programs={name}
"""
STUBBORN = """/bin/sh -c 'trap "" TERM; while :; do sleep 0.1; done'"""


@dataclass(frozen=True)
class House:
    """A running supervisor and its folder."""

    url: str
    folder: Path

    def ask(self, method: str, *arguments: object) -> Any:
        with ServerProxy(self.url) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def state(self, group: str, name: str) -> tuple[str, int]:
        info = self.ask("getProcessInfo", f"{group}:{name}")
        return info["statename"], info["pid"]

    def service(self, group: str, **folders: Path) -> ServiceSpec:
        bindings = {name: {"kind": "directory", "path": str(path)} for name, path in folders.items()}
        process = {"kind": "supervisord", "url": self.url, "group": group}
        return ServiceSpec(group, bindings=MappingProxyType({"process": process, **bindings}))


def program(group: str, number: int, command: str, *, autostart: bool = True) -> str:
    return PROGRAM.format(name=f"{group}_{number}", group=group, command=command, autostart=str(autostart).lower())


def groups(text: str) -> str:
    """supervisord wants one section a group that names all its programs."""
    merged: dict[str, list[str]] = {}
    rest: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("[group:"):
            merged.setdefault(line, []).append(next(lines).removeprefix("programs="))
        else:
            rest.append(line)
    return "\n".join([*rest, *(f"{head}\nprograms={','.join(names)}" for head, names in merged.items())])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    for thing in ("release", "configuration", "broken"):
        versions(folder / thing)
    (folder / "broken" / "1.0.0" / "run").unlink()
    port = free_ports(1)[0]
    programs = [
        *(program("pair", n, "/bin/sleep 1000") for n in (0, 1)),
        program("single", 0, "/bin/sleep 1000"),
        program("frozen", 0, "/bin/sleep 1000"),
        program("stubborn", 0, STUBBORN),
        program("crashed", 0, "/bin/false", autostart=False),
        program("once", 0, f"/bin/sh -c 'test -e {folder}/repaired && exec sleep 1000'"),
        program("elastic", 0, "/bin/sleep 1000"),
        *(program("elastic", n, "/bin/sleep 1000", autostart=False) for n in (1, 2, 10)),
        program("versioned", 0, f"/bin/sh {folder}/release/current/run"),
        program("configured", 0, f"/bin/sh {folder}/configuration/current/run"),
        program("broken", 0, f"/bin/sh {folder}/broken/current/run"),
    ]
    path = folder / "supervisord.conf"
    path.write_text(groups(CONFIGURATION.format(folder=folder, port=port) + "".join(programs)))
    command = [str(Path(sys.executable).with_name("supervisord")), "-c", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        house = House(f"http://127.0.0.1:{port}/RPC2", folder)
        wait_until_up(house)
        yield house
        house.ask("stopAllProcesses", False)
        house.ask("signalAllProcesses", "KILL")
        process.terminate()


def versions(root: Path) -> None:
    for name in ("1.0.0", "1.1.0"):
        (root / name).mkdir(parents=True)
        (root / name / "run").write_text("exec sleep 1000\n")
    (root / "current").symlink_to("1.1.0")
    (root / "previous").symlink_to("1.0.0")


def wait_until_up(house: House) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            states = {f"{i['group']}:{i['name']}": i["statename"] for i in house.ask("getAllProcessInfo")}
        except OSError:
            time.sleep(0.1)
            continue
        if states["once:once_0"] == "FATAL" and "STARTING" not in states.values():
            return
        time.sleep(0.1)
    raise AssertionError("the supervisor did not come up")


def step(name: str, target: str, **parameters: str) -> Step:
    return Step("s1", name, target, parameters)


async def test_all_running_members_are_replaced_one_after_the_other(house: House) -> None:
    action, service, doing = Restart(), house.service("pair"), step("restart", "pair")
    pids = [house.state("pair", f"pair_{n}")[1] for n in (0, 1)]
    before = await action.capture(doing, service)
    assert f"pair_0 (RUNNING, pid {pids[0]})" in await action.preview(doing, service)
    assert isinstance(await action.check(doing, service, "k", before), Failed)

    assert isinstance(await action.apply(doing, service, "k", before), Done)

    after = [house.state("pair", f"pair_{n}") for n in (0, 1)]
    assert [state for state, _ in after] == ["RUNNING", "RUNNING"]
    assert not {pid for _, pid in after} & set(pids)
    assert isinstance(await action.check(doing, service, "k", before), Done)


async def test_a_half_done_restart_leaves_the_question_open(house: House) -> None:
    action, service, doing = Restart(), house.service("pair"), step("restart", "pair")
    before = await action.capture(doing, service)
    await action.apply(step("restart", "pair"), service, "k", {**before, "due": "pair_1"})
    assert isinstance(await action.check(doing, service, "k", before), Unknown)


async def test_instances_limits_how_many_are_restarted(house: House) -> None:
    action, service, doing = Restart(), house.service("pair"), step("restart", "pair", instances="1")
    pid = house.state("pair", "pair_1")[1]
    await action.apply(doing, service, "k", await action.capture(doing, service))
    assert house.state("pair", "pair_1")[1] == pid


async def test_a_process_frozen_by_a_signal_is_replaced(house: House) -> None:
    action, service, doing = Restart(), house.service("frozen"), step("restart", "frozen")
    _, pid = house.state("frozen", "frozen_0")
    os.kill(pid, signal.SIGSTOP)
    assert isinstance(await action.apply(doing, service, "k", await action.capture(doing, service)), Done)
    assert house.state("frozen", "frozen_0")[1] not in {0, pid}


async def test_a_process_that_ignores_the_request_to_stop_is_killed(house: House) -> None:
    action, service, doing = Restart(grace_s=0.5), house.service("stubborn"), step("restart", "stubborn")
    _, pid = house.state("stubborn", "stubborn_0")
    assert isinstance(await action.apply(doing, service, "k", await action.capture(doing, service)), Done)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_member_that_gave_up_is_started_again(house: House) -> None:
    action, service, doing = Restart(), house.service("once"), step("restart", "once")
    assert house.state("once", "once_0")[0] == "FATAL"
    before = await action.capture(doing, service)
    assert before["takes_down"] == "0"
    (house.folder / "repaired").touch()
    assert isinstance(await action.apply(doing, service, "k", before), Done)
    assert house.state("once", "once_0")[0] == "RUNNING"
    assert isinstance(await action.check(doing, service, "k", before), Done)


async def test_a_process_that_does_not_stay_up_is_a_failure_that_says_so(house: House) -> None:
    action, service, doing = Restart(), house.service("crashed"), step("restart", "crashed")
    outcome = await action.apply(doing, service, "k", await action.capture(doing, service))
    assert isinstance(outcome, Failed)
    assert "crashed_0" in outcome.why
    assert "FATAL" in outcome.why


async def test_a_group_that_does_not_exist_is_named(house: House) -> None:
    with pytest.raises(ActionFailed, match="no group nobody"):
        await Restart().capture(step("restart", "nobody"), house.service("nobody"))


async def test_scaling_out_starts_the_next_spare_and_undo_stops_it(house: House) -> None:
    action, service, doing = ScaleOut(), house.service("elastic"), step("scale_out", "elastic")
    before = await action.capture(doing, service)
    assert before["due"] == "elastic_1"
    assert "elastic_1" in await action.preview(doing, service)
    assert isinstance(await action.check(doing, service, "k", before), Failed)
    assert isinstance(await action.apply(doing, service, "k", before), Done)
    assert house.state("elastic", "elastic_1")[0] == "RUNNING"
    assert isinstance(await action.check(doing, service, "k", before), Done)
    assert isinstance(await action.undo(doing, service, "k", before), Done)
    assert house.state("elastic", "elastic_1")[0] == "STOPPED"


async def test_scaling_in_stops_the_last_and_undo_starts_it(house: House) -> None:
    service, out, into = house.service("elastic"), step("scale_out", "elastic", instances="3"), step("scale_in", "x")
    grown = await ScaleOut().capture(out, service)
    await ScaleOut().apply(out, service, "k", grown)
    action = ScaleIn()
    before = await action.capture(into, service)
    assert before == {"due": "elastic_10", "running": "4", "takes_down": "1"}
    assert isinstance(await action.apply(into, service, "k", before), Done)
    assert isinstance(await action.check(into, service, "k", before), Done)
    assert isinstance(await action.undo(into, service, "k", before), Done)
    assert house.state("elastic", "elastic_10")[0] == "RUNNING"
    await ScaleOut().undo(out, service, "k", grown)


async def test_the_only_instance_is_never_stopped(house: House) -> None:
    with pytest.raises(ActionFailed, match="would leave none"):
        await ScaleIn().capture(step("scale_in", "single"), house.service("single"))


async def test_a_group_without_spares_cannot_grow(house: House) -> None:
    with pytest.raises(ActionFailed, match="no member of single is stopped"):
        await ScaleOut().capture(step("scale_out", "single"), house.service("single"))


@pytest.mark.parametrize(
    ("action", "group", "thing"),
    [(RollbackRelease(), "versioned", "release"), (RevertConfiguration(), "configured", "configuration")],
)
async def test_the_previous_version_runs_and_undo_brings_the_other_back(
    house: House, action: RollbackRelease | RevertConfiguration, group: str, thing: str
) -> None:
    service, doing, root = house.service(group, **{thing: house.folder / thing}), step(thing, group), house.folder
    _, pid = house.state(group, f"{group}_0")
    before = await action.capture(doing, service)
    assert "from 1.1.0 to 1.0.0" in await action.preview(doing, service)
    assert isinstance(await action.check(doing, service, "k", before), Failed)

    assert isinstance(await action.apply(doing, service, "k", before), Done)

    assert (os.readlink(root / thing / "current"), os.readlink(root / thing / "previous")) == ("1.0.0", "1.1.0")
    assert house.state(group, f"{group}_0")[1] not in {0, pid}
    assert isinstance(await action.check(doing, service, "k", before), Done)
    assert isinstance(await action.undo(doing, service, "k", before), Done)
    assert (os.readlink(root / thing / "current"), os.readlink(root / thing / "previous")) == ("1.1.0", "1.0.0")


async def test_a_previous_version_that_does_not_run_is_taken_back(house: House) -> None:
    action, doing = RollbackRelease(), step("rollback_release", "broken")
    service = house.service("broken", release=house.folder / "broken")
    outcome = await action.apply(doing, service, "k", await action.capture(doing, service))
    assert isinstance(outcome, Failed)
    assert "the release is 1.1.0 again" in outcome.why
    assert os.readlink(house.folder / "broken" / "current") == "1.1.0"
    assert house.state("broken", "broken_0")[0] == "RUNNING"


async def test_a_version_somebody_else_changed_is_left_alone(house: House, tmp_path: Path) -> None:
    versions(tmp_path)
    action, service, doing = RollbackRelease(), house.service("single", release=tmp_path), step("x", "single")
    before = await action.capture(doing, service)
    outcome = await action.apply(doing, service, "k", {**before, "current": "1.2.0", "previous": "1.3.0"})
    assert isinstance(outcome, Failed)
    assert "somebody else changed it" in outcome.why
    assert os.readlink(tmp_path / "current") == "1.1.0"


async def test_a_crash_between_the_links_and_the_restart_leaves_the_question_open(house: House, tmp_path: Path) -> None:
    versions(tmp_path)
    action, service, doing = RollbackRelease(), house.service("single", release=tmp_path), step("x", "single")
    before = await action.capture(doing, service)
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("1.0.0")
    assert isinstance(await action.check(doing, service, "k", before), Unknown)


@pytest.mark.parametrize("broken", ["missing", "same", "dangling"])
async def test_links_without_a_way_back_are_refused(house: House, tmp_path: Path, broken: str) -> None:
    versions(tmp_path)
    (tmp_path / "previous").unlink()
    if broken != "missing":
        (tmp_path / "previous").symlink_to({"same": "1.1.0", "dangling": "0.9.0"}[broken])
    service = house.service("single", release=tmp_path)
    with pytest.raises(ActionFailed, match=str(tmp_path)):
        await RollbackRelease().capture(step("x", "single"), service)


async def test_a_supervisor_that_dies_in_between_leaves_the_question_open(house: House) -> None:
    """A proxy in front of the real supervisor goes away once the stop was asked for."""
    answered = 0

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length"))
        body = await reader.readexactly(length)
        if answered <= 4:
            host, _, port = house.url.removeprefix("http://").removesuffix("/RPC2").partition(":")
            up_reader, up_writer = await asyncio.open_connection(host, int(port))
            up_writer.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body)
            writer.write(await up_reader.read())
            up_writer.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    service = house.service("single")
    process = {**service.bindings["process"], "url": f"http://127.0.0.1:{port}/RPC2"}
    shaky = replace(service, bindings={"process": process})
    before = await Restart().capture(step("restart", "single"), service)
    outcome = await Restart(call_s=1).apply(step("restart", "single"), shaky, "k", before)
    server.close()
    assert isinstance(outcome, Unknown), outcome
    assert "does not answer" in outcome.why
