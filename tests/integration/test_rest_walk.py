"""The REST API of a running Akeso over real sockets: an incident from its creation to its effect, and every refusal."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from akeso.adapters.policy.cedar import shipped_policies
from akeso.testing.servers.running import Akeso, Target, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

# The team lets approvals for one service lapse quickly; of several expiries the shortest counts.
HASTY = """
@id("ask-quickly")
@approvers("approver, admin")
@expiry("1s")
permit (principal, action == Action::"ask", resource == Service::"hasty")
when { context.trust == "approve" };
"""
SOON = (
    "healing.agent.advance.initial_delay=0.2",
    "healing.agent.advance.recheck_interval=0.2",
    "healing.agent.worker.poll=0.1",
)


@dataclass
class Place:
    """A running Akeso, a target, and callers of every role."""

    akeso: Akeso
    target: Target
    callers: dict[str, httpx.Client] = field(default_factory=dict)

    def of(self, role: str) -> httpx.Client:
        return self.callers[role]

    def new_incident(self, service: str) -> str:
        """An incident that a person opened and asked to be analysed."""
        body = {"service": service, "title": f"{service} does not answer", "severity": "error"}
        created = self.of("operator").post("/api/v1/incidents", json=body)
        assert created.status_code == 201, created.text
        incident = str(created.json()["id"])
        assert self.of("operator").post(f"/api/v1/incidents/{incident}/analyze").status_code == 202
        return incident

    def waiting(self, incident: str) -> Any:
        """The action of the incident that waits for a person."""
        return eventually(lambda: self.pending(incident), f"{incident} has an action that waits")

    def pending(self, incident: str) -> Any:
        found = self.of("viewer").get("/api/v1/approvals/pending").json()["approvals"]
        return next((a for a in found if a["incident"] == incident), None)

    def about(self, service: str) -> Any:
        """The newest incident of a service; None without any."""
        found = self.of("viewer").get("/api/v1/incidents", params={"service": service}).json()["incidents"]
        return found[0] if found else None

    def action(self, incident: str, action: str) -> Any:
        shown = self.of("viewer").get(f"/api/v1/incidents/{incident}").json()
        return next(a for a in shown["actions"] if a["id"] == action)

    def becomes(self, incident: str, action: str, status: str) -> Any:
        def look() -> Any:
            found = self.action(incident, action)
            return found if found["status"] == status else None

        return eventually(look, f"{action} is {status}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("rest")
    policies = folder / "policies"
    shutil.copytree(shipped_policies(), policies)
    (policies / "50-hasty.cedar").write_text(HASTY)
    target = Target()
    services = {
        name: target.binding(name)
        for name in ("checkout", "cart", "ledger", "parcel", "hasty", "quiet", "walked", "lively")
    }
    text = "services:\n" + "".join(f"  {n}:\n    bindings:\n      webhook: {b}\n" for n, b in services.items())
    akeso = Akeso(
        folder, f"policies={json.dumps(str(policies))}", "trust=approve", "dry_run=false", *SOON, services=text
    )
    with target.open(), akeso.running():
        place = Place(akeso, target, {"nobody": akeso.client(""), "admin": akeso.client()})
        for role in ("ingest", "viewer", "operator", "approver"):
            place.callers[role] = akeso.client(akeso.new_key(role, role))
        place.callers["stranger"] = akeso.client(akeso.new_key("stranger", "admin", "elsewhere"))
        yield place
        for caller in place.callers.values():
            caller.close()
        assert akeso.stop() == 0


def test_an_incident_goes_from_creation_over_dry_run_to_one_effect(place: Place) -> None:
    incident = place.new_incident("checkout")
    waiting = place.waiting(incident)
    assert (waiting["action"], waiting["target"]) == ("call_webhook", "checkout")
    assert waiting["approvers"] == ["approver", "admin"]
    assert waiting["expires_at"]
    approve = place.of("approver").post(f"/api/v1/approvals/{waiting['id']}/approve", json={"dry_run": True})
    assert approve.status_code == 200, approve.text
    previewed = place.becomes(incident, waiting["id"], "previewed")
    assert f"POST {place.target.url}/checkout" in previewed["preview"]
    assert not place.target.calls
    execute = place.of("approver").post(f"/api/v1/actions/{waiting['id']}/execute", json={"comment": "go"})
    assert execute.status_code == 202, execute.text
    applied = place.becomes(incident, waiting["id"], "applied")
    assert applied["approved_by"] == "approver"
    ((key, count),) = place.target.calls.items()
    assert (key.startswith(waiting["id"]), count) == (True, 1)
    assert place.target.bodies[key]["target"] == "checkout"
    repeated = place.of("approver").post(f"/api/v1/actions/{waiting['id']}/execute", json={})
    assert repeated.status_code == 409, repeated.text
    kinds = [e["kind"] for e in place.of("viewer").get(f"/api/v1/incidents/{incident}/timeline").json()["entries"]]
    walk = ["IncidentDetected", "AnalysisStarted", "DiagnosisMade", "PlanMade", "PolicyDecided", "ApprovalRequested",
            "ApprovalGranted", "ActionPreviewed", "ApprovalGranted", "ActionIntended", "ActionApplied"]  # fmt: skip
    assert [k for k in dict.fromkeys(kinds) if k in walk] == list(dict.fromkeys(walk))
    assert kinds.count("ActionIntended") == kinds.count("ActionApplied") == 1


def test_the_same_walk_works_with_curl(place: Place) -> None:
    def curl(path: str, *options: str) -> Any:
        command = ["curl", "-s", "-H", f"X-API-Key: {place.akeso.key}", "-H", "Content-Type: application/json"]
        command += [f"{place.akeso.url}{path}", *options]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)

    body = '{"service": "cart", "title": "customers cannot pay", "severity": "critical"}'
    incident = curl("/api/v1/incidents", "-d", body)["id"]
    assert curl(f"/api/v1/incidents/{incident}/analyze", "-X", "POST")["status"] == "accepted"
    action = place.waiting(incident)["id"]
    assert curl(f"/api/v1/approvals/{action}/approve", "-d", '{"dry_run": true}')["dry_run"] is True
    place.becomes(incident, action, "previewed")
    curl(f"/api/v1/actions/{action}/execute", "-d", "{}")
    place.becomes(incident, action, "applied")
    assert [place.target.calls[k] for k in place.target.calls if k.startswith(action)] == [1]


def test_the_walk_of_comparable_systems_works_unchanged(place: Place) -> None:
    body = {
        "title": "High latency in checkout", "description": "p99 above 2 s since noon", "severity": "high",
        "affected_service": "walked", "metrics_snapshot": {"latency_p99_ms": 2100.5, "hosts": ["a", "b"]},
    }  # fmt: skip
    created = place.of("operator").post("/api/v1/incidents", json=body)
    assert created.status_code == 201, created.text
    told = created.json()
    assert (told["service"], told["severity"]) == ("walked", "error")
    assert [c["text"] for c in told["comments"]] == [
        "p99 above 2 s since noon", 'Measured: latency_p99_ms = 2100.5, hosts = ["a", "b"]'
    ]  # fmt: skip
    assert place.of("operator").post(f"/api/v1/incidents/{told['id']}/analyze").status_code == 202
    action = place.waiting(told["id"])["id"]
    yes = {"approved_by": "eve of payments", "execution_mode": "dry_run"}
    for contradiction in ({"dry_run": False}, {"execution_mode": "sometimes"}):
        refused = place.of("approver").post(f"/api/v1/approvals/{action}/approve", json=yes | contradiction)
        assert (refused.status_code, refused.json()["field"]) == (422, "execution_mode")
    answer = place.of("approver").post(f"/api/v1/approvals/{action}/approve", json=yes)
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True), answer.text
    place.becomes(told["id"], action, "previewed")
    assert not [k for k in place.target.calls if k.startswith(action)]
    executed = place.of("approver").post(f"/api/v1/actions/{action}/execute")
    assert executed.status_code == 202, executed.text
    place.becomes(told["id"], action, "applied")
    entries = place.of("viewer").get(f"/api/v1/incidents/{told['id']}/timeline").json()["entries"]
    granted = [e["event"]["comment"] for e in entries if e["kind"] == "ApprovalGranted"]
    assert granted == ["approved by eve of payments", ""]


def test_live_means_live(place: Place) -> None:
    incident = place.new_incident("lively")
    action = place.waiting(incident)["id"]
    yes = {"approved_by": "eve", "execution_mode": "live"}
    assert place.of("approver").post(f"/api/v1/approvals/{action}/approve", json=yes).status_code == 200
    assert place.becomes(incident, action, "applied")["approved_by"] == "approver"


@pytest.mark.parametrize(
    ("body", "named"),
    [({"title": "x"}, "service"), ({"title": "x", "service": "a", "affected_service": "b"}, "affected_service"),
     ({"title": "x", "service": "a", "metrics_snapshot": [1]}, "metrics_snapshot")],
)  # fmt: skip
def test_an_incident_names_one_service(place: Place, body: Any, named: str) -> None:
    answer = place.of("operator").post("/api/v1/incidents", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, named)


def test_who_may_not_decide_is_refused_and_nothing_happens(place: Place) -> None:
    incident = place.new_incident("ledger")
    action = place.waiting(incident)["id"]
    for path, body in (
        (f"/api/v1/approvals/{action}/approve", {"dry_run": False}),
        (f"/api/v1/actions/{action}/execute", {}),
    ):
        assert place.of("nobody").post(path, json=body).status_code == 401
        wrong = {"Authorization": "Bearer ak_wrong"}
        assert place.of("nobody").post(path, json=body, headers=wrong).status_code == 401
        for role in ("ingest", "viewer", "operator"):
            refused = place.of(role).post(path, json=body)
            assert refused.status_code == 403, role
            assert "needs approver" in refused.text
        assert place.of("stranger").post(path, json=body).status_code == 404
    assert place.action(incident, action)["status"] == "asked"
    assert not [k for k in place.target.calls if k.startswith(action)]
    rejected = place.of("approver").post(f"/api/v1/approvals/{action}/reject", json={"reason": "not now"})
    assert rejected.json()["status"] == "rejected"
    again = place.of("approver").post(f"/api/v1/approvals/{action}/approve", json={"dry_run": False})
    assert again.status_code == 409


def test_an_approval_that_lapsed_is_refused(place: Place) -> None:
    incident = place.new_incident("hasty")
    action = place.waiting(incident)["id"]
    place.becomes(incident, action, "expired")
    late = place.of("approver").post(f"/api/v1/approvals/{action}/approve", json={"dry_run": False})
    assert late.status_code == 409, late.text
    assert not [k for k in place.target.calls if k.startswith(action)]


def test_another_tenant_sees_nothing(place: Place) -> None:
    incident = place.new_incident("parcel")
    action = place.waiting(incident)["id"]
    stranger = place.of("stranger")
    assert stranger.get("/api/v1/incidents").json() == {"incidents": [], "next": None}
    assert stranger.get("/api/v1/approvals/pending").json() == {"approvals": []}
    for path in (f"/api/v1/incidents/{incident}", f"/api/v1/incidents/{incident}/timeline"):
        assert stranger.get(path).status_code == 404
    for path in (f"/api/v1/incidents/{incident}/analyze", f"/api/v1/approvals/{action}/reject"):
        assert stranger.post(path, json={}).status_code == 404
    assert stranger.post(f"/api/v1/incidents/{incident}/feedback", json={"helpful": True}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/api/v1/incidents", {"service": 5, "title": "x"}, "service"),
        ("/api/v1/incidents", {"service": "cart"}, "title"),
        ("/api/v1/incidents", {"service": "cart", "title": "x", "severity": "dire"}, "severity"),
        ("/api/v1/incidents", {"service": "cart", "title": "x", "onset": "2026-01-01T00:00:00"}, "onset"),
        ("/api/v1/approvals/x/approve", {"dry_run": "yes"}, "dry_run"),
        ("/api/v1/memory/search", {"text": ["a"]}, "text"),
        ("/add-event", {"component": "cart", "latency": "slow", "error_rate": 0}, "latency"),
        ("/api/v1/changes", {"service": 3, "kind": "deploy"}, "service"),
    ],
)
def test_a_wrong_type_is_refused_and_named(place: Place, path: str, body: Any, named: str) -> None:
    answer = place.of("admin").post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == named
    assert named in answer.json()["message"]


def test_a_body_that_is_no_json_is_refused(place: Place) -> None:
    for path in ("/api/v1/incidents", "/add-event"):
        answer = place.of("admin").post(path, content=b"{", headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [("staus=resolved", 422, "staus"), ("sort=colour", 422, "sort"), ("cursor=abc", 422, "cursor"),
     ("label=team", 422, "label"), ("severity=dire", 422, "severity"),
     ("since=yesterday", 422, "since"), ("status=happy", 422, "status"), ("limit=0", 422, "limit"),
     ("since=2026-01-01", 200, None), ("status=resolved", 200, None)],
)  # fmt: skip
def test_the_list_of_incidents_refuses_what_it_does_not_understand(
    place: Place, query: str, status: int, field: str | None
) -> None:
    answer = place.of("viewer").get(f"/api/v1/incidents?{query}")
    assert answer.status_code == status, answer.text
    assert answer.json().get("field") == field


def test_the_list_is_cut_to_times_and_states(place: Place) -> None:
    incident = place.new_incident("quiet")
    shown = place.of("viewer").get(f"/api/v1/incidents/{incident}").json()
    viewer = place.of("viewer")

    def listed(**query: str | int) -> list[str]:
        return [i["id"] for i in viewer.get("/api/v1/incidents", params=query).json()["incidents"]]

    assert listed(limit=1) == [incident]
    assert incident in listed(since=shown["detected_at"])
    assert listed(since="2999-01-01T00:00:00Z") == []
    assert incident not in listed(status="RESOLVED")
    # What other tenants have does not take the room of one's own.
    place.of("stranger").post("/api/v1/incidents", json={"service": "far", "title": "away"})
    assert listed(limit=1) == [incident]
    place.new_incident("another")
    first = viewer.get("/api/v1/incidents", params={"limit": 1, "sort": "-severity", "view": "summary"}).json()
    more = {"limit": 1000, "sort": "-severity", "cursor": first["next"]}
    assert first["incidents"][0]["id"] not in listed(**more)
    assert viewer.get("/api/v1/incidents", params=more | {"sort": "severity"}).json()["field"] == "cursor"
    assert listed(service="quiet", q="not answ") == [incident]
    assert viewer.get("/api/v1/topology?depth=3").json()["field"] == "depth"
    action = place.waiting(incident)["id"]
    place.of("approver").post(f"/api/v1/approvals/{action}/reject", json={})
    eventually(lambda: incident in listed(status="escalated"), "the incident escalates")
    assert listed(status="escalated", limit=1) == [incident]


def test_what_is_not_there_is_404(place: Place) -> None:
    admin = place.of("admin")
    assert admin.get("/api/v1/incidents/inc-none").status_code == 404
    assert admin.post("/api/v1/incidents/inc-none/analyze").status_code == 404
    assert admin.post("/api/v1/approvals/none/approve", json={}).status_code == 404
    assert admin.get("/api/v1/nothing").status_code == 404


def test_nothing_is_read_without_a_key(place: Place) -> None:
    nobody = place.of("nobody")
    for path in ("/incidents", "/approvals/pending", "/topology", "/plugins", "/audit"):
        assert nobody.get(f"/api/v1{path}").status_code == 401, path
    assert place.of("ingest").get("/api/v1/incidents").status_code == 403
    assert place.of("approver").get("/api/v1/audit").status_code == 403


def test_effects_are_suspended_by_operators_and_resumed_by_admins(place: Place) -> None:
    assert place.of("viewer").post("/api/v1/effects/suspend", json={}).status_code == 403
    assert place.of("operator").post("/api/v1/effects/suspend", json={"reason": "storm"}).status_code == 200
    try:
        assert place.of("nobody").get("/health").json()["suspended"] is True
        assert place.of("approver").post("/api/v1/effects/resume").status_code == 403
    finally:
        assert place.of("admin").post("/api/v1/effects/resume").status_code == 200
    assert place.of("nobody").get("/health").json()["suspended"] is False


def test_feedback_is_kept(place: Place) -> None:
    incident = place.new_incident("quiet")
    body = {"helpful": False, "fault_class": "crash", "comment": "it had crashed"}
    assert place.of("operator").post(f"/api/v1/incidents/{incident}/feedback", json=body).status_code == 202
    entries = place.of("viewer").get(f"/api/v1/incidents/{incident}/timeline").json()["entries"]
    (given,) = [e["event"] for e in entries if e["kind"] == "FeedbackGiven"]
    assert (given["by"], given["fault_class"]) == ("operator", "crash")
    exported = place.of("viewer").get("/api/v1/feedback/dataset")
    lines = [json.loads(line) for line in exported.text.splitlines()]
    assert all(set(line) == {"prompt", "diagnosis", "human_rating"} for line in lines)
    assert place.of("stranger").get("/api/v1/feedback/dataset").text == ""


def test_akeso_tells_of_itself(place: Place) -> None:
    nobody = place.of("nobody")
    assert nobody.get("/api/v1/health/live").json() == {"status": "live"}
    health = nobody.get("/api/v1/health/ready")
    assert (health.status_code, health.json()["status"]) == (200, "ready")
    assert all(health.json()["agents"].values())
    metrics = nobody.get("/metrics").text
    assert 'akeso_agent_messages_total{agent="feed"}' in metrics
    assert 'akeso_incidents{status="' in metrics
    assert "akeso_approvals_pending " in metrics
    assert "swagger" in nobody.get("/docs").text.lower()
    described = nobody.get("/openapi.json").json()["paths"]
    assert "/api/v1/actions/{action_id}/execute" in described
    assert "/add-event" in described
    assert nobody.get("/").headers["content-type"].startswith("text/html")
    assert "simple_event" in place.of("viewer").get("/api/v1/plugins").json()["sources"]
    audit = place.of("admin").get("/api/v1/audit", params={"limit": 3}).json()["entries"]
    assert [e["sequence"] for e in audit] == [1, 2, 3]
    assert place.of("viewer").get("/api/v1/topology").json() == {"services": [], "edges": []}
    assert place.of("viewer").post("/api/v1/memory/search", json={"text": "slow"}).status_code == 200


# Last, because with telemetry the other incidents, which have none, would be looked at differently.
def test_an_event_with_normal_values_ends_the_incident_of_the_one_before(place: Place) -> None:
    event = {"component": "evented", "latency": 900, "error_rate": 0.0}
    told = place.of("admin").post("/add-event", json=event).json()["event"]
    assert (told["status"], told["similar_incidents"]) == ("Anomaly", 0)
    found = eventually(lambda: place.about("evented"), "an incident opens")
    assert found["status"] != "RESOLVED"

    def ended() -> bool:
        again = place.of("admin").post("/add-event", json=event | {"latency": 20}).json()["event"]
        assert again["status"] == "Normal"
        return bool(place.about("evented")["status"] == "RESOLVED")

    eventually(ended, "it ends", every_s=1.0)
