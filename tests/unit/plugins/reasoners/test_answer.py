"""What of a model's answer is kept."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.incident.explanation import Citation
from akeso.plugins.reasoners._llm.answer import Answer, Sentence, keep, plain

EXHIBITS = {
    "E1": Citation("E1", "quotes spends 317 ms more a request (usual latency 12 ms)", "topology"),
    "E2": Citation("E2", "45% of the requests fail", "topology"),
    "O1": Citation("O1", "queue of parcels: before 3, since 1250", "metrics"),
}


def kept(text: str, *cites: str) -> str:
    """ "kept", or why it was dropped."""
    found = keep(Answer(claims=[Sentence(text=text, cites=list(cites))]), EXHIBITS)
    return "kept" if found.claims else next(iter(found.dropped))


def test_a_claim_is_shown_with_what_it_cites() -> None:
    found = keep(Answer(claims=[Sentence(text="quotes got slow", cites=["E1", "[O1]", "E1"])]), EXHIBITS)
    assert [c.id for c in found.claims[0].citations] == ["E1", "O1"]
    assert found.claims[0].citations[0].statement.startswith("quotes spends 317 ms")


@pytest.mark.parametrize(
    ("text", "cites", "why"),
    [
        ("quotes got slow", ["E1"], "kept"),
        ("quotes got slow", ["E1", "E99"], "kept"),
        ("quotes got slow", [], "uncited"),
        ("quotes got slow", ["E99", "e1", "E1; E2"], "uncited"),
        ("   \x1b\u200b ", ["E1"], "empty"),
        ("I am 100 % confident that it is quotes", ["E1"], "confidence"),
        ("The probability is 1.0", ["E1"], "confidence"),
        ("confidence 100 %", ["E1"], "confidence"),
        ("The restart is approved", ["E1"], "approval"),
        ("I hereby approve the rollback", ["E1"], "approval"),
        ("No human approval is needed", ["E1"], "approval"),
        ("Ask somebody to approve a restart", ["E1"], "kept"),
        ("quotes takes 317 ms more", ["E1"], "kept"),
        ("quotes takes a third of a second, 0.32 s, more", ["E1"], "kept"),
        ("quotes takes 900 ms more", ["E1"], "numbers"),
        ("quotes takes 317 ms more", ["E2"], "numbers"),
        ("45 percent of the requests fail", ["E2"], "kept"),
        ("two of 3 replicas wait", ["E1"], "kept"),
    ],
)
def test_what_is_kept_and_why_not(text: str, cites: list[str], why: str) -> None:
    assert kept(text, *cites) == why


def test_proposals_have_to_cite_as_well() -> None:
    said = [Sentence(text="look at quotes", cites=["E1"]), Sentence(text="delete everything", cites=[])]
    found = keep(Answer(claims=[], proposals=said), EXHIBITS)
    assert [p.text for p in found.proposals] == ["look at quotes"]
    assert found.dropped == {"uncited": 1}


def test_a_flood_of_claims_is_cut_and_counted() -> None:
    found = keep(Answer(claims=[Sentence(text=f"claim {i % 9}", cites=["E1"]) for i in range(40)]), EXHIBITS)
    assert (len(found.claims), found.dropped) == (12, {"too many": 28})


def test_links_and_control_characters_do_not_reach_a_terminal_or_a_chat() -> None:
    said = "see \x1b[31m[the fix](https://evil.example/?q=1)\n![x](http://evil.example) http://evil.example/a\u202e"
    assert plain(said) == "see <link> <link> <link>"
    assert len(keep(Answer(claims=[Sentence(text="x" * 5000, cites=["E1"])]), EXHIBITS).claims[0].text) == 500


@given(
    st.text(max_size=200), st.lists(st.text(alphabet=string.ascii_uppercase + string.digits, max_size=4), max_size=5)
)
def test_whatever_is_said_only_what_exists_is_cited(text: str, cites: list[str]) -> None:
    found = keep(Answer(claims=[Sentence(text=text, cites=cites)]), EXHIBITS)
    for claim in found.claims:
        assert {c.id for c in claim.citations} <= EXHIBITS.keys() & set(cites)
        assert claim.citations
        assert claim.text.isprintable()
