"""`akeso bench recall` on made-up truths."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.datasets.ground_truths import MECHANISMS, Truth, observed, read_truths
from akeso.bench.recall import scores, tfidf
from akeso.domain.errors import InvalidInput

ALERT = ("HighRequestErrorRate", "pay-service-1", "Pay fails due to the quota of its namespace")
EFFECT = ("space-1", "pay-service-1", "quota is used up", "Pods of pay stay pending because of the quota")


def truth(alert: tuple[str, str, str], effect: tuple[str, str, str, str], **fault: str) -> dict[str, Any]:
    kind, group, description = alert
    source, target, condition, effect_ = effect
    return {
        "alerts": [{"id": kind, "group_id": group, "metadata": {"description": description}}, {"id": "Unplaced"}],
        "fault": [{"category": "Change", "entity": {"name": source}, **fault}],
        "groups": [{"id": source, "kind": "Namespace", "root_cause": True}, {"id": group, "kind": "Service"}],
        "propagations": [{"source": source, "target": target, "condition": condition, "effect": effect_}],
        "recommendedActions": [{"solution": {"actions": ["Raise the limit"]}}],
    }


def written(folder: Path, truths: Mapping[str, dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, spec in truths.items():
        document = {"kind": "GroundTruth", "spec": spec} if name.endswith("1") else spec
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    crash = ("KubePodCrashLooping", "ads-service-1", "Ads restart again and again")
    started = ("space-1", "ads-service-1", "wrong image", "Ads cannot start")
    quota = {"fault_mechanism": "custom", "condition": "Memory quota of the namespace is too low"}
    image = {"fault_mechanism": "custom", "condition": "Invalid image"}
    other = ("HighRequestErrorRate", "cart-service-1", "Cart fails because of the quota")
    pending = ("space-1", "cart-service-1", "quota is used up", "Pods of cart stay pending")
    truths = {
        "case_1": truth(ALERT, EFFECT, **quota),
        "case_2": truth(other, pending, **quota),
        "case_3": truth(crash, started, **image),
    }
    return written(tmp_path / "truths", truths)


def test_what_is_seen_does_not_tell_the_cause(data: Path) -> None:
    first = read_truths(data)[0]
    assert first.sight == "HighRequestErrorRate pay: Pay fails. Unplaced : . Pods of pay stay pending"
    assert first.signature == (":Unplaced", "pay:HighRequestErrorRate")
    assert "Memory quota of the namespace is too low" in first.record
    assert "Raise the limit" in first.record
    assert (first.service, *first.mechanisms, *first.categories) == ("space", "capacity", "change")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_sentence_names_a_mechanism(mechanism: str) -> None:
    named = {
        "feature flag": "flagd set a feature flag",
        "capacity": "evicted for a higher priority by HPA",
        "exhaustion": "disk pressure and memory stress",
        "routing": "the port of QUOTE_ADDR and the selector",
        "access": "mTLS authentication with a password",
        "network": "a network partition",
        "artefact": "malformed image ImagePullBackOff",
    }[mechanism]
    left = observed(f"seen {named} here")
    assert left.startswith("seen")
    assert not {"flag", "evicted", "pressure", "port", "mtls", "partition", "malformed"} & set(left.lower().split())


def test_those_of_the_same_mechanism_are_found_and_scored(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["recall", "--data", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["truths"] == 3
    assert report["chance_r1"]["mechanism"] == 0.5
    assert report["methods"]["akeso-hashed"]["mechanism"] == {
        "queries": 2, "r1": 1, "r5": 1, "mrr": 1, "better": 0, "worse": 0
    }  # fmt: skip
    kept = json.loads((tmp_path / "out" / "recall.json").read_text())
    assert [each["case"] for each in kept["rankings"]] == ["case_1", "case_2", "case_3"]
    assert [r["case"] for r in kept["rankings"][0]["ranked"]["akeso-hashed"]] == ["case_2", "case_3"]


def test_people_get_a_table(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["recall", "--data", str(data), "--out", str(tmp_path)])
    assert "tfidf" in done.stdout


@pytest.mark.parametrize("content", ["a: 1", "[1]", "alerts: []\nfault: []\npropagations: []\n"])
def test_what_is_no_truth_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(InvalidInput):
        read_truths(tmp_path)


def plain(name: str, sight: str, record: str, label: str) -> Truth:
    return Truth(name, sight, (), record, "", frozenset({label} - {""}), frozenset())


def test_the_baseline_is_the_cosine_of_weighted_words() -> None:
    truths = [plain("a", "queue stalled", "", "x"), plain("b", "", "queue stalled", "x"), plain("c", "", "queue", "y")]
    ranking = tfidf(truths)[0]
    assert [name for name, _ in ranking] == ["b", "c"]
    assert ranking[0][1] == pytest.approx(1.0)


def test_ranks_are_counted_from_one_and_only_where_another_is_alike() -> None:
    truths = [plain(name, "", "", label) for name, label in (("a", "x"), ("b", "x"), ("c", "y"), ("d", ""))]
    labels = {t.name: t.mechanisms for t in truths}
    near = {"a": "bcd", "b": "cda", "c": "abd", "d": "abc"}
    rankings = [[(name, 0.0) for name in near[t.name]] for t in truths]
    reverse = [ranking[::-1] for ranking in rankings]
    done = scores(truths, rankings, reverse, labels)
    assert (done.queries, done.r1, done.r5) == (2, 0.5, 1.0)
    assert done.mrr == pytest.approx((1 + 1 / 3) / 2, abs=1e-4)
    assert (done.better, done.worse) == (1, 1)
