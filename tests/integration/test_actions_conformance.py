"""Every action against targets that do not exist, over real sockets."""

import socket
from collections.abc import Iterator
from inspect import signature

import pytest

from akeso.plugins.discovery import build, discover
from akeso.ports.action import on_akeso
from akeso.testing.conformance.actions import ActionConformance

pytestmark = pytest.mark.integration


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken and refuses: bound, not listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", sorted(discover("actions")))
async def test_no_action_claims_success_when_its_target_refuses(name: str, closed_port: int) -> None:
    await ActionConformance(build("actions")[name], closed_port).never_claims_success_without_a_target()


async def test_a_webhook_that_can_be_undone_claims_no_success_either(closed_port: int) -> None:
    http = f"http://127.0.0.1:{closed_port}"
    binding = {"kind": "webhook", "url": f"{http}/do", "undo": f"{http}/undo", "check": f"{http}/check"}
    webhook = build("actions", {"call_webhook": {"reversible": True}})["call_webhook"]
    await ActionConformance(webhook, closed_port, binding).never_claims_success_without_a_target()


# What acts on Akeso's own pipeline calls nobody, and so has no time-out of a call.
OUTWARD = sorted(name for name, plugin in discover("actions").items() if not on_akeso(plugin))


@pytest.mark.parametrize("name", OUTWARD)
async def test_no_action_waits_longer_than_its_time_out(name: str, silent_port: int) -> None:
    takes = signature(discover("actions")[name]).parameters
    action = build("actions", {name: {"call_s": 0.2} if "call_s" in takes else {}})[name]
    await ActionConformance(action, silent_port).never_claims_success_without_a_target()
