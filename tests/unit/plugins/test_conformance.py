"""Every plugin that discovery finds passes the suite that ships for the authors of its kind.

Detectors and actions have suites of several tests each, in the folders beside this file.
"""

import inspect
from collections.abc import Iterator

import pytest

from akeso.plugins.discovery import discover
from akeso.ports.puller import Address
from akeso.testing.conformance.evidence import EvidenceConformance
from akeso.testing.conformance.notifiers import NotifierConformance
from akeso.testing.conformance.plugins import shown
from akeso.testing.conformance.pullers import PullerConformance
from akeso.testing.conformance.reasoners import ReasonerConformance
from akeso.testing.conformance.sources import SourceConformance

# Nothing listens there; connecting fails at once and leaves this machine for nowhere.
PORT = 1
SUITES = {
    "evidence": EvidenceConformance,
    "sources": SourceConformance,
    "pullers": PullerConformance,
    "reasoners": ReasonerConformance,
    "notifiers": NotifierConformance,
}


def checks() -> Iterator[tuple[str, str, str]]:
    for kind, suite in SUITES.items():
        for name in discover(kind):
            for check in vars(suite):
                if not check.startswith("_") and callable(getattr(suite, check)):
                    yield kind, name, check


@pytest.mark.parametrize(("kind", "name", "check"), list(checks()))
async def test_every_plugin_keeps_to_the_contract_of_its_kind(kind: str, name: str, check: str) -> None:
    address = {"address": Address(f"http://127.0.0.1:{PORT}")} if kind == "pullers" else {}
    done = getattr(SUITES[kind](shown(kind, name, PORT, **address)), check)()
    if inspect.isawaitable(done):
        await done
