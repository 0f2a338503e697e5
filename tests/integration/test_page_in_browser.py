"""The page in a real browser, driven over the DevTools protocol: what people see, and that a click has its effect."""

import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from akeso.testing.servers.running import Akeso, Target, eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

SOON = (
    "healing.agent.advance.initial_delay=0.2",
    "healing.agent.advance.recheck_interval=0.2",
    "healing.agent.worker.poll=0.1",
)
NASTY = "<img src=x onerror=\"document.title='hit'\"> customers cannot pay"

HANDLERS_IN_MARKUP = """[...document.querySelectorAll('*')].flatMap(node => [...node.attributes])
    .map(attribute => attribute.name).filter(name => name.startsWith('on'))"""
LOADED = "performance.getEntriesByType('resource').map(loaded => loaded.name)"


@dataclass
class Page:
    """One tab."""

    devtools: ClientConnection
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def tell(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        number = next(self._numbers)
        parameters = {"expression": expression, "returnByValue": True}
        self.devtools.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": parameters}))
        while True:
            answer = json.loads(self.devtools.recv(10))
            if answer.get("id") == number:
                return answer["result"]["result"].get("value")

    def text(self) -> str:
        return str(self.tell("document.body.innerText"))

    def shows(self, text: str) -> None:
        eventually(lambda: text in self.text(), f"the page shows {text!r}")

    def click(self, label: str) -> None:
        found = f"[...document.querySelectorAll('button')].find(b => b.textContent === {json.dumps(label)})"
        eventually(lambda: self.tell(f"!!{found}"), f"there is a button {label!r}")
        self.tell(f"{found}.click()")


@contextmanager
def browser(address: str, profile: Path) -> Iterator[Page]:
    program = shutil.which("chromium")
    assert program, "Chromium is missing; `scripts/services.sh up` installs it"
    port = free_port()
    options = ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-dev-shm-usage",
               f"user-data-dir={profile}", f"remote-debugging-port={port}")  # fmt: skip
    command = [program, *(f"--{option}" for option in options), address]
    with (profile.parent / "chromium.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        tab = eventually(lambda: _tab(port, address), "the tab is open")
        with connect(tab, max_size=None) as devtools:
            yield Page(devtools)
    finally:
        process.terminate()
        process.wait(10)


def _tab(port: int, address: str) -> str | None:
    try:
        tabs = httpx.get(f"http://127.0.0.1:{port}/json", trust_env=False, verify=False).json()
    except httpx.TransportError:
        return None
    place = address.partition("#")[0]
    return next((t["webSocketDebuggerUrl"] for t in tabs if t["type"] == "page" and t["url"].startswith(place)), None)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target().open() as target:
        yield target


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Iterator[Akeso]:
    text = f"services:\n  checkout:\n    bindings: {{webhook: {target.binding('checkout')}}}\n"
    with Akeso(tmp_path_factory.mktemp("page"), *SOON, services=text).running() as akeso:
        yield akeso


def test_people_see_an_incident_live_and_approve_it_with_a_click(akeso: Akeso, target: Target, tmp_path: Path) -> None:
    with browser(f"{akeso.url}/#key={akeso.key}", tmp_path / "profile") as page, akeso.client() as client:
        page.shows("No incidents.")
        for state in ("ready · dry run", "live"):
            page.shows(state)
        # The key is neither shown nor left in the address.
        assert akeso.key not in page.tell("location.href + document.documentElement.outerHTML")
        client.post("/api/v1/incidents", json={"service": "checkout", "title": NASTY})
        page.shows(NASTY)
        page.shows("a person reported")
        page.shows("waiting for approval by approver, admin")
        assert page.tell("document.querySelectorAll('img').length") == 0
        assert page.tell(HANDLERS_IN_MARKUP) == []
        page.click("Approve and run")
        page.shows("applied")
        page.shows("approved by admin")
        assert list(target.calls.values()) == [1]
        assert page.tell("document.title") == "Akeso"
        assert page.tell("document.getElementById('error').textContent") == ""


def test_a_wrong_key_is_told_and_another_can_be_given(akeso: Akeso, tmp_path: Path) -> None:
    with browser(f"{akeso.url}/#key=ak_wrong", tmp_path / "profile") as page:
        page.shows("This key is not valid.")
        page.tell(f"document.getElementById('key').value = '{akeso.key}'")
        page.tell("document.getElementById('login').requestSubmit()")
        page.shows("live")
        assert "not valid" not in page.text()


def test_the_page_keeps_its_key_in_the_tab_and_loads_nothing_from_elsewhere(akeso: Akeso, tmp_path: Path) -> None:
    with browser(f"{akeso.url}/#key={akeso.key}", tmp_path / "profile") as page:
        page.shows("live")
        assert akeso.key in page.tell("JSON.stringify({...sessionStorage})")
        assert page.tell("localStorage.length + document.cookie.length") == 0
        loaded = page.tell(LOADED)
        assert loaded
        assert [address for address in loaded if not address.startswith(f"{akeso.url}/")] == []


def test_the_page_finds_back_when_akeso_was_away(akeso: Akeso, tmp_path: Path) -> None:
    with browser(f"{akeso.url}/#key={akeso.key}", tmp_path / "profile") as page:
        page.shows("live")
        akeso.kill()
        page.shows("not connected")
        akeso.start()
        eventually(lambda: "not connected" not in page.text(), "the page is connected again")
        page.shows("live")
