"""What is recalled of another place does not accuse that place."""

from dataclasses import replace

import pytest

from akeso.domain.incident.memory import Recollection
from akeso.domain.incident.outcome import Recovery
from akeso.plugins.evidence.similar import Similar
from akeso.testing.memory import sample_memory
from akeso.testing.recorded.cases import TENANT, Fault, Scene

SCENE = Scene(Fault("quotes", self_ms=200.0))


def accused(service: str, *signature: str) -> list[str]:
    memory = sample_memory(tenant=TENANT, service=service, signature=signature, recovery=Recovery.RECOVERED)
    case = replace(SCENE.case(), similar=(Recollection(memory, 0.8),))
    return [evidence.service for evidence in Similar().gather(case)]


@pytest.mark.parametrize(
    ("service", "signature", "found"),
    [
        ("quotes", ("quotes:latency",), ["quotes"]),
        ("elsewhere", ("elsewhere:latency",), []),
        ("silent", ("quotes:latency",), ["silent"]),
    ],
)
def test_only_a_place_that_shows_signs_as_it_did_then_is_accused(
    service: str, signature: tuple[str, ...], found: list[str]
) -> None:
    assert accused(service, *signature) == found
