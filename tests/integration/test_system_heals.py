"""The running whole heals: from simple events to a resolved incident that is remembered, over a restart."""

from pathlib import Path
from typing import Any

import pytest

from akeso.testing.servers.past import write_calm_past
from akeso.testing.servers.running import Akeso, Target, eventually, faring

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

SERVICES = ("shop", "cart", "ledger")
PAST_S, CALM_EVENTS = 12.0, 60  # of ten a second and service, as the past has them
# Half the usual slots, so that what is normal is known twice as soon.
QUICK = ("trust=auto", "dry_run=false", "features.slot=0.5", "features.lateness=0.5")


def _learnt(incident: Any) -> bool:
    return incident["status"] == "RESOLVED" and incident["mttr_seconds"] is not None


def test_a_sick_service_is_noticed_healed_verified_and_remembered(tmp_path: Path) -> None:
    ill: set[str] = set()
    target = Target(ill.discard)
    text = "services:\n" + "".join(f"  {n}: {{bindings: {{webhook: {target.binding(n)}}}}}\n" for n in SERVICES)
    akeso = Akeso(tmp_path, *QUICK, services=text)
    write_calm_past(akeso.data, SERVICES, PAST_S)
    with target.open(), akeso.running():
        with faring(akeso, SERVICES, ill) as taken:
            eventually(lambda: len(taken) > CALM_EVENTS, "normal times go on", 60)
            assert akeso.incidents() == []
            ill.add("cart")
            resolved = eventually(lambda: [i for i in akeso.incidents() if _learnt(i)], "it is resolved")
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
        assert akeso.incidents() == [incident]
        assert "Traceback" not in akeso.log()
