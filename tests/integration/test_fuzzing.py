"""The fuzzer runs, for a short while, against every decoder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.fuzz import campaigns
from akeso.plugins.discovery import discover

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
INPUTS = 500


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.xdist_group(f"fuzzing {kind}"))
        for kind in ("source:", "neighbours:", "pull:", "encoding:")
    ],
)
def test_no_decoder_breaks_on_what_a_fuzzer_makes_up(tmp_path: Path, kind: str) -> None:
    targets = [each.target for each in campaigns() if each.target.startswith(kind)]
    runs = ("--runs", str(INPUTS * len(targets)), "--only", kind)
    ran = CliRunner().invoke(app, ["fuzz", "--out", str(tmp_path), *runs, "--json"])
    assert ran.exit_code == 0, ran.output
    findings = json.loads(ran.output)["targets"]
    assert [each["target"] for each in findings] == targets
    # A protocol of plain lines has few branches.
    assert all(each["inputs"] >= INPUTS and each["coverage"] > 3 for each in findings), ran.output


def test_every_decoder_is_a_target() -> None:
    targets = [each.target for each in campaigns()]
    for kind, plugin in (("source", "sources"), ("pull", "pullers")):
        assert {each.split(":")[1] for each in targets if each.startswith(kind)} == discover(plugin).keys()
