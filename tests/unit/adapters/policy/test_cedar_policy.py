"""Cedar policies: those that ship, those a team writes, and those that are wrong."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.adapters.policy.cedar import DEFAULT_DENY, UNDECIDABLE, CedarPolicy, shipped_policies
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.plan import Risk, Step
from akeso.domain.incident.verdict import Allow, Ask, Deny, Modify, PolicyRequest
from akeso.plugins.discovery import discover
from akeso.ports.action import on_akeso
from akeso.testing.policy import ROUTINE, PolicyConformance

SHIPPED = CedarPolicy.from_files([shipped_policies()])
HALF_HOUR = Ask("ask-a-person", ("approver", "admin"), timedelta(minutes=30))


def team(tmp_path: Path, text: str, *, alone: bool = False) -> CedarPolicy:
    (tmp_path / "team.cedar").write_text(text)
    return CedarPolicy.from_files([tmp_path] if alone else [shipped_policies(), tmp_path])


@pytest.mark.parametrize("check", [name for name in vars(PolicyConformance) if not name.startswith("_")])
def test_the_shipped_policies_conform(check: str) -> None:
    getattr(PolicyConformance(SHIPPED), check)()


def test_a_routine_step_is_executed() -> None:
    assert SHIPPED.decide(ROUTINE) == Allow("auto-heal")


@pytest.mark.parametrize(
    ("change", "policy"),
    [
        ({"trust": 2}, "ask-a-person"),
        ({"confidence": 0.599}, "ask-a-person"),
        ({"tier": 0}, "ask-a-person"),
        ({"risk": Risk.HIGH}, "high-risk"),
        ({"change_freeze": True}, "change-freeze"),
        ({"blast_radius": 10}, "wide-and-irreversible"),
    ],
)
def test_what_needs_a_person_is_asked_for(change: dict[str, object], policy: str) -> None:
    assert SHIPPED.decide(replace(ROUTINE, **change)) == replace(HALF_HOUR, policy=policy)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"confidence": 0.6}, {"tier": 1}, {"risk": Risk.MEDIUM}, {"blast_radius": 50, "reversible": True}]
)
def test_what_stays_within_the_limits_is_executed(change: dict[str, object]) -> None:
    assert SHIPPED.decide(replace(ROUTINE, **change)) == Allow("auto-heal")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "policy", "why"),
    [
        ({"trust": 0}, "trust-observe", "the trust ladder says observe"),
        ({"trust": 1}, "trust-suggest", "the trust ladder says suggest"),
        ({"suspended": True}, "suspended", "suspended"),
        ({"external": True}, "external-service", "somebody else"),
    ],
)
@pytest.mark.parametrize("by", ["", "kim"])
def test_what_is_forbidden_is_forbidden_to_an_admin_too(
    change: dict[str, object], policy: str, why: str, by: str
) -> None:
    person = {"principal": by, "role": "admin", "approved_by": by} if by else {}
    verdict = SHIPPED.decide(replace(ROUTINE, **person, **change))  # type: ignore[arg-type]
    assert isinstance(verdict, Deny)
    assert verdict.policy == policy
    assert why in verdict.why


@pytest.mark.parametrize("change", [{"trust": 0}, {"suspended": True}, {"external": True}, {"risk": Risk.HIGH}])
def test_a_dry_run_is_always_allowed(change: dict[str, object]) -> None:
    assert SHIPPED.decide(replace(ROUTINE, dry_run=True, **change)) == Allow("dry-run")  # type: ignore[arg-type]


def test_an_approved_step_is_allowed_in_a_change_freeze() -> None:
    asked = replace(ROUTINE, principal="kim", role="approver", approved_by="kim", change_freeze=True)
    assert SHIPPED.decide(asked) == Allow("ask-a-person")


def test_a_person_does_not_execute_without_an_approval() -> None:
    assert SHIPPED.decide(replace(ROUTINE, principal="kim", role="operator")) == HALF_HOUR


def test_without_a_permit_everything_is_denied(tmp_path: Path) -> None:
    policy = team(tmp_path, '@id("no") forbid(principal, action, resource) when { context.suspended };', alone=True)
    assert policy.decide(ROUTINE) == Deny(DEFAULT_DENY, "no policy permits it")
    assert isinstance(policy.decide(replace(ROUTINE, dry_run=True)), Deny)


def test_a_team_s_forbid_beats_the_shipped_permit_and_is_named(tmp_path: Path) -> None:
    policy = team(
        tmp_path,
        """@id("hands-off-catalog") @why("the catalog is being moved")
        forbid (principal, action in Action::"effect", resource == Service::"catalog");""",
    )
    assert policy.decide(ROUTINE) == Deny("hands-off-catalog", "the catalog is being moved")
    other = replace(ROUTINE, step=replace(ROUTINE.step, target="cart"))
    assert policy.decide(other) == Allow("auto-heal")


def test_policies_see_action_parameters_facts_and_roles(tmp_path: Path) -> None:
    policy = team(
        tmp_path,
        """@id("p")
        forbid (principal, action in Action::"effect", resource)
        when { context.action == "restart" }
        when { context.facts.hasTag("owner") && context.facts.getTag("owner") == "ledger" }
        unless { context.step.hasTag("instances") && context.step.getTag("instances") == "1" }
        unless { principal in Role::"admin" };""",
    )
    owned = replace(ROUTINE, context={"owner": "ledger"})
    assert policy.decide(owned) == Deny("p", 'the policy "p" forbids it')
    assert policy.decide(replace(owned, step=replace(owned.step, parameters={"instances": "1"}))) == Allow("auto-heal")
    admin = replace(owned, principal="kim", role="admin", approved_by="kim")
    assert policy.decide(admin) == Allow("ask-a-person")


def test_the_narrowest_approvers_and_the_shortest_expiry_count(tmp_path: Path) -> None:
    policy = team(
        tmp_path,
        """@id("gold") @approvers("admin") @expiry("5m")
        forbid (principal, action == Action::"execute", resource) when { resource.tier <= 2 };""",
    )
    assert policy.decide(ROUTINE) == Ask("gold", ("admin",), timedelta(minutes=5))
    granted = replace(ROUTINE, principal="kim", role="approver", approved_by="kim")
    verdict = policy.decide(granted)
    assert isinstance(verdict, Deny)
    assert "kim is approver; it takes admin" in verdict.why
    assert isinstance(policy.decide(replace(granted, role="admin")), Allow)


def test_policies_that_agree_on_no_approver_deny(tmp_path: Path) -> None:
    text = '@id("{0}") @approvers("{1}") forbid (principal, action == Action::"execute", resource);'
    policy = team(tmp_path, text.format("a", "admin") + text.format("b", "approver"))
    verdict = policy.decide(ROUTINE)
    assert isinstance(verdict, Deny)
    assert "no role in common" in verdict.why


MODIFY = """@id("one-at-a-time") @why("one instance at a time here") @modify("instances=1")
forbid (principal, action == Action::"execute", resource)
unless { context.step.hasTag("instances") && context.step.getTag("instances") == "1" };"""


def test_a_smaller_step_is_proposed_and_is_then_allowed(tmp_path: Path) -> None:
    policy = team(tmp_path, MODIFY)
    smaller = replace(ROUTINE.step, parameters={"instances": "1"})
    assert policy.decide(ROUTINE) == Modify("one-at-a-time", smaller, "one instance at a time here")
    assert policy.decide(replace(ROUTINE, step=smaller)) == Allow("auto-heal")


@pytest.mark.parametrize("change", [{"risk": Risk.HIGH}, {"confidence": 0.1}])
def test_a_smaller_step_that_would_not_run_either_is_asked_for(tmp_path: Path, change: dict[str, object]) -> None:
    assert isinstance(team(tmp_path, MODIFY).decide(replace(ROUTINE, **change)), Ask)  # type: ignore[arg-type]


def test_a_policy_that_fails_on_a_request_denies_it(tmp_path: Path) -> None:
    policy = team(
        tmp_path,
        """@id("overflow")
        forbid (principal, action, resource) when { context.recent_repeats * 9223372036854775807 > 1 };""",
    )
    verdict = policy.decide(replace(ROUTINE, recent_repeats=2))
    assert isinstance(verdict, Deny)
    assert verdict.policy == UNDECIDABLE
    assert "overflow" in verdict.why


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("permit (principal, action", "cannot be read as Cedar"),
        ("permit (principal, action, resource) when { context.confidense > 1 };", "confidense"),
        ('permit (principal, action == Action::"exeute", resource);', "exeute"),
        ("permit (principal == ?principal, action, resource);", "templates"),
        ('@aprovers("admin") permit (principal, action, resource);', "@aprovers: no such annotation"),
        ('@approvers("operator") permit (principal, action, resource);', '"operator" cannot approve'),
        ('@approvers("admin") permit (principal is Agent, action, resource);', "leave the principal open"),
        ('@expiry("soon") permit (principal, action, resource);', '"soon"'),
        ('@modify("instances=1") permit (principal, action, resource);', "belongs on a forbid"),
        ('@modify("one") forbid (principal, action, resource);', '"one"'),
        ('@id("auto-heal") permit (principal, action, resource);', 'two policies have the name "auto-heal"'),
    ],
)
def test_a_wrong_file_is_refused_by_name_when_it_is_read(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidSettings, match=r"team\.cedar") as refused:
        team(tmp_path, text)
    assert says in str(refused.value)


def test_no_policy_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="no policy"):
        CedarPolicy.from_files([tmp_path])
    with pytest.raises(InvalidSettings, match="is no folder"):
        CedarPolicy.from_files([tmp_path / "absent"])


def test_a_policy_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    policy = team(tmp_path, "permit (principal, action, resource);", alone=True)
    assert policy.decide(ROUTINE) == Allow("team.cedar#1")


REQUESTS = st.builds(
    PolicyRequest,
    principal=st.text(max_size=20),
    role=st.sampled_from(["agent", "viewer", "operator", "approver", "admin", "", "Agent"]),
    step=st.builds(Step, st.text(), st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3)),
    reversible=st.booleans(),
    risk=st.sampled_from(Risk),
    tier=st.integers(-1, 5),
    environment=st.text(max_size=10),
    external=st.booleans(),
    trust=st.integers(0, 3),
    confidence=st.floats(),
    blast_radius=st.integers(0, 100),
    recent_repeats=st.integers(0, 5),
    change_freeze=st.booleans(),
    suspended=st.booleans(),
    dry_run=st.booleans(),
    approved_by=st.text(max_size=5),
    context=st.dictionaries(st.text(), st.text(), max_size=3),
)


@given(REQUESTS)
def test_whatever_is_asked_the_limits_hold(request: PolicyRequest) -> None:
    verdict = SHIPPED.decide(request)
    if isinstance(verdict, Deny) or request.dry_run:
        return
    assert not request.suspended
    assert not request.external
    assert request.trust >= 2
    if isinstance(verdict, Allow) and not request.approved_by:
        assert request.role == "agent"
        assert request.trust == 3
        assert request.risk < Risk.HIGH
    if isinstance(verdict, Allow) and request.approved_by:
        assert request.role in {"approver", "admin"}


OWN = replace(ROUTINE, step=Step("s", "rollback_model", "akeso.model"), on_akeso=True, trust=2, confidence=0.3, tier=0)


@pytest.mark.parametrize("action", sorted(name for name, plugin in discover("actions").items() if on_akeso(plugin)))
def test_akesos_own_pipeline_is_healed_without_a_person(action: str) -> None:
    assert SHIPPED.decide(replace(OWN, step=Step("s", action, "akeso.model"))) == Allow("heal-itself")


@pytest.mark.parametrize("change", [{"trust": 0}, {"trust": 1}, {"suspended": True}])
def test_but_not_where_nothing_may_be_done(change: dict[str, object]) -> None:
    assert isinstance(SHIPPED.decide(replace(OWN, **change)), Deny)  # type: ignore[arg-type]


def test_an_action_on_a_service_does_not_pass_under_its_name() -> None:
    assert SHIPPED.decide(replace(OWN, step=Step("s", "restart", "akeso.model"), on_akeso=False)) == HALF_HOUR


def test_an_action_on_akeso_does_not_pass_on_a_service_of_a_like_name() -> None:
    assert SHIPPED.decide(replace(OWN, step=Step("s", "rollback_model", "shop.akeso.model"))) == HALF_HOUR
