"""Scores of log parsing on cases computed by hand."""

import pytest

from akeso.bench.scores.template_scores import Parsed, TemplateScores, comparable, template_scores

TRUE = Parsed(["a", "a", "b", "b", "c", "d"], ["get <*>", "get <*>", "put <*>", "put <*>", "stop", "halt"])


def test_the_truth_scores_one() -> None:
    assert template_scores(TRUE, TRUE) == TemplateScores(1, 1, 1, 1)


def test_a_split_and_a_joint_group_are_wrong_and_the_rest_is_right() -> None:
    # b is split in two and c is joined with d; a is right: 2 of 6 lines, 1 group of 4 found and 4 true.
    found = Parsed([1, 1, 2, 3, 4, 4], ["get <*>", "get <*>", "put x", "put <*>", "<*>", "<*>"])
    scores = template_scores(found, TRUE)
    assert scores.ga == pytest.approx(2 / 6)
    assert scores.fga == pytest.approx(2 * 1 / (4 + 4))
    # Texts: "get <*>" twice and one "put <*>" read right. Of the four texts found these two stand for their own only.
    assert scores.pa == pytest.approx(3 / 6)
    assert scores.fta == pytest.approx(2 * 2 / (4 + 4))


def test_a_right_group_under_a_wrong_text_counts_for_groups_only() -> None:
    found = Parsed(TRUE.events, ["get <*>", "get <*>", "put", "put", "stop", "halt"])
    scores = template_scores(found, TRUE)
    assert (scores.ga, scores.fga) == (1, 1)
    assert scores.pa == pytest.approx(4 / 6)
    assert scores.fta == pytest.approx(2 * 3 / (4 + 4))


def test_one_large_wrong_group_costs_many_lines_and_one_group() -> None:
    true = Parsed(["a"] * 8 + ["b", "c"], ["x"] * 10)
    found = Parsed(["a"] * 7 + ["A", "b", "c"], ["x"] * 10)
    scores = template_scores(found, true)
    assert scores.ga == pytest.approx(2 / 10)
    assert scores.fga == pytest.approx(2 * 2 / (4 + 3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a <*><*> b", "a <*> b"),
        ("a <*>.<*>.<*> b", "a <*> b"),
        ("  a   <*> ", "a <*>"),
    ],
)
def test_texts_that_read_alike_compare_equal(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


def test_variables_with_punctuation_between_stay_apart() -> None:
    assert comparable("<*>:<*>") == "<*>:<*>"
    assert comparable("<*> <*>") == "<*> <*>"


def test_different_numbers_of_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="1 lines against 6"):
        template_scores(Parsed([1], ["x"]), TRUE)
