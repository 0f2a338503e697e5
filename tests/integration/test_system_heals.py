"""The running whole heals: from simple events to a resolved incident that is remembered, over a restart."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from akeso.testing.running import Akeso, Target, eventually, repeating

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

SERVICES = ("shop", "cart", "ledger")
# Half the usual slots, so that what is normal is known twice as soon.
QUICK = ("trust=auto", "dry_run=false", "features.features.slot=0.5", "features.features.lateness=0.5")


@contextmanager
def senders(akeso: Akeso, ill: set[str]) -> Iterator[None]:
    """Every service tells how it fares ten times a second."""
    with akeso.client("") as client:

        def send() -> None:
            for name in SERVICES:
                latency, errors = (700, 0.5) if name in ill else (20, 0.0)
                body = {"component": name, "latency": latency, "error_rate": errors}
                assert client.post("/add-event", json=body).status_code == 200

        with repeating(send):
            yield


def incidents(akeso: Akeso) -> list[Any]:
    with akeso.client() as client:
        return list(client.get("/api/v1/incidents").json()["incidents"])


def _learnt(incident: Any) -> bool:
    return incident["status"] == "RESOLVED" and incident["mttr_seconds"] is not None


def test_a_sick_service_is_noticed_healed_verified_and_remembered(tmp_path: Path) -> None:
    ill: set[str] = set()
    target = Target(ill.discard)
    text = "services:\n" + "".join(f"  {n}: {{bindings: {{webhook: {target.binding(n)}}}}}\n" for n in SERVICES)
    akeso = Akeso(tmp_path, *QUICK, services=text)
    with target.open(), akeso.running():
        with senders(akeso, ill):
            time.sleep(8)
            assert incidents(akeso) == []
            ill.add("cart")
            resolved = eventually(lambda: [i for i in incidents(akeso) if _learnt(i)], "it is resolved")
        (incident,) = resolved
        assert (incident["service"], incident["fault_class"]) == ("cart", "latency_degradation")
        assert (incident["outcome"], incident["known"]) == ("recovered", True)
        assert 0 < incident["mttr_seconds"] < 20
        assert len(incident["alerts"]) == 1
        assert [a["status"] for a in incident["actions"]] == ["applied"]
        assert list(target.calls.values()) == [1]
        with akeso.client() as client:
            found = client.post("/api/v1/memory/search", json={"text": "cart latency"}).json()["results"]
            assert (found[0]["incident"], found[0]["outcome"]) == (incident["id"], "recovered")
        assert akeso.stop() == 0
        akeso.start()
        assert incidents(akeso) == [incident]
        assert "Traceback" not in akeso.log()
