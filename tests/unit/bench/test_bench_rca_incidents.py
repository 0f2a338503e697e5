"""`akeso bench incidents` on made-up alerts with documents of the same APIs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.incidents import Verdict, marked, verdict_on
from akeso.domain.errors import InvalidInput

Documents = Mapping[str, Mapping[str, object]]
NOW = "2026-01-01T10:30:00Z"


def alert(state: str = "alerting", **notes: str) -> Mapping[str, object]:
    labels = {"service": "tills", "workload_name": "tills"}
    return {"title": "tills hurts", "state": state, "commonLabels": labels, "commonAnnotations": notes}


def pod(name: str, *, ready: bool, **more: object) -> Mapping[str, object]:
    state = {"running": True} if ready else {"waiting": True, "reason": more.pop("reason", "")}
    return {"name": name, "phase": "Running", "containers": [{"ready": ready, "state": state}], **more}


def event(reason: str, message: str, on: str = "Pod/tills-1", last: str = NOW) -> Mapping[str, object]:
    return {"reason": reason, "message": message, "involved_object": on, "first_time": last, "last_time": last}


def metric(name: str, *values: float) -> Mapping[str, object]:
    times = [f"2026-01-01T10:{minute:02}:00Z" for minute in range(len(values))]
    return {"metric_data_results": [{"metric_name": name, "timestamps": times, "values": values}]}


def write(folder: Path, documents: Documents) -> Path:
    folder.mkdir(parents=True)
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize(
    ("events", "category"),
    [
        ([event("Failed", 'Failed to pull image "tills:9": manifest unknown')], "configuration_error"),
        ([event("Unhealthy", "Liveness probe failed: statuscode: 500")], "configuration_error"),
        ([event("FailedScheduling", "0/3 nodes are available: 3 Insufficient memory")], "resource_exhaustion"),
        ([event("OOMKilling", "OOMKilled: memory limit reached")], "resource_exhaustion"),
        ([event("NodeNotReady", "Node is not ready", "Node/n1")], "infrastructure"),
    ],
)
def test_warnings_of_the_platform_tell_the_category(
    tmp_path: Path, events: Sequence[Mapping[str, object]], category: str
) -> None:
    documents = {"alert": alert(), "pods": {"pods": [pod("tills-1", ready=False)]}, "e": {"warning_events": events}}
    verdict = verdict_on("a/1", write(tmp_path / "1", documents))
    assert (verdict.verdict, verdict.category) == ("incident", category)
    assert any(str(events[0]["message"]) in said for said in verdict.evidence)


def test_warnings_of_pods_that_are_ready_by_now_are_history(tmp_path: Path) -> None:
    events = [event("FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu")]
    documents = {"alert": alert(), "pods": {"pods": [pod("tills-1", ready=True)]}, "e": {"warning_events": events}}
    verdict = verdict_on("a/1", write(tmp_path / "1", documents))
    assert verdict.verdict == "healthy"
    assert "Insufficient cpu" in verdict.root_cause


def test_a_pod_that_is_being_deleted_is_no_incident(tmp_path: Path) -> None:
    pods = [pod("tills-0", ready=False, reason="CrashLoopBackOff", deletion_timestamp=NOW), pod("tills-1", ready=True)]
    verdict = verdict_on("a/1", write(tmp_path / "1", {"alert": alert(), "pods": {"pods": pods}}))
    assert verdict.verdict == "healthy"


def test_an_alert_that_nothing_explains_is_unknown(tmp_path: Path) -> None:
    assert verdict_on("a/1", write(tmp_path / "1", {"alert": alert()})).verdict == "unknown"
    monitors = {"monitors": [{"name": "latency", "overall_state": "Alert"}, {"name": "errors", "overall_state": "OK"}]}
    assert verdict_on("a/2", write(tmp_path / "2", {"alert": alert(), "m": monitors})).verdict == "unknown"


def test_names_that_do_not_resolve_are_found_in_log_lines(tmp_path: Path) -> None:
    line = {"timestamp": NOW, "message": "Error: getaddrinfo ENOTFOUND vault.internal", "status": "error"}
    verdict = verdict_on("a/1", write(tmp_path / "1", {"alert": alert(), "logs": {"logs": [line]}}))
    assert verdict.category == "configuration_error"
    assert "DNS" in verdict.root_cause


def test_a_database_tells_its_limit_and_the_statement_behind_it(tmp_path: Path) -> None:
    waits = [{"name": "WAL:Lock", "db_load_avg": 3.0}]
    load = {"end_time": NOW, "top_sql": [{"statement": "UPDATE big SET x = 1", "wait_events": waits}]}
    notes = alert(db_instance_identifier="ledger")
    documents = {"alert": notes, "lag": metric("ReplicaLag", 5, 300, 900), "load": load}
    verdict = verdict_on("a/1", write(tmp_path / "1", documents))
    assert verdict.category == "resource_exhaustion"
    assert verdict.root_cause.startswith("replication_lag of ledger")
    assert "UPDATE big SET x = 1" in verdict.root_cause


def test_a_failover_counts_while_it_is_recent(tmp_path: Path) -> None:
    def verdict(name: str, at: str) -> Verdict:
        events = {"events": [{"date": at, "message": "A Multi-AZ failover has been initiated for DB instance ledger."}]}
        documents = {"alert": alert(db_instance_identifier="ledger"), "e": events, "m": metric("CPUUtilization", 9, 9)}
        return verdict_on(name, write(tmp_path / name, documents))

    assert verdict("now", "2026-01-01T09:58:00Z").category == "infrastructure"
    assert verdict("old", "2026-01-01T04:00:00Z").verdict == "healthy"


def test_verdicts_are_written_and_scored(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "data" / "k8s" / "calm", {"alert": alert("normal"), "pods": {"pods": [pod("t", ready=True)]}}
    )
    (folder / "answer.yml").write_text("root_cause_category: healthy\nrequired_keywords: [Normal]\n")
    done = CliRunner().invoke(app, ["incidents", "--data", str(tmp_path / "data"), "--out", str(tmp_path), "--json"])
    assert json.loads(done.stdout) == {
        "cases": 1,
        "category": 1.0,
        "restraint": 1.0,
        "required_keywords": 1.0,
        "forbidden_absent": 1.0,
    }
    [verdict] = json.loads((tmp_path / "verdicts.json").read_text())
    assert verdict["case"] == "k8s/calm"


def test_forbidden_words_are_marked(tmp_path: Path) -> None:
    (tmp_path / "answer.yml").write_text("root_cause_category: code_defect\nforbidden_keywords: [two causes]\n")
    marks = marked(Verdict("a/1", "incident", "code_defect", "There are two causes", (), 0.9), tmp_path / "answer.yml")
    assert marks.category
    assert not marks.forbidden


def test_a_folder_without_alerts_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["incidents", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
