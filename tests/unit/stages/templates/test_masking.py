"""What is variable by its looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.stages.templates.masking import WILDCARD, masked, shapes, tokens


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("took 12.5ms for order=4711", "took <*> for order=<*>"),
        ("peer 10.0.0.7:5432 refused", "peer <*>:<*> refused"),
        ("peer db.example.org refused", "peer <*> refused"),
        ("cache.eu:6379 is slow", "<*>:<*> is slow"),
        ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <*> gone"),
        ("key session:9f3adeadbeef state=xxx", "key session:<*> state=xxx"),
        ("hash deadbeefcafe ok", "hash <*> ok"),
        ("link aa:bb:cc:dd:ee:ff up", "link <*> up"),
        ("cannot open /etc/app/key.pem: denied", "cannot open <*>: denied"),
        (r"load C:\Windows\app.dll now", "load <*> now"),
        ("GET https://shop.example/cart?id=x,", "GET https://<*>,"),
        ("mail to ann.lee@example.org sent", "mail to <*> sent"),
        ("ready=true, error=null", "ready=<*>, error=<*>"),
        ("took <1 sec", "took <*> sec"),
        ("listening on port 80.", "listening on port <*>."),
        ("cache enable.........0", "cache enable.........<*>"),
        ("worker #7 of pool#3", "worker #<*> of pool#<*>"),
        ("psr0=1 r24=0x7", "psr0=<*> r24=<*>"),
        ("could not reach bank", "could not reach bank"),
        ("read and/or write", "read and/or write"),
    ],
)
def test_variable_pieces_are_masked(line: str, expected: str) -> None:
    assert masked(line) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("seen on Sun Jul 10 03:55:15 2005 here", "seen on Mon Feb 1 13:05:00 2006 here"),
        ("free 12 KB now", "free 1.5 MB now"),
        ("nodes 1, 2, 3 left", "nodes 7 left"),
        ("peer 1.2.3.4 () left", "peer 1.2.3.4 (1.2.3.5) left"),
    ],
)
def test_dates_amounts_lists_and_empty_brackets_are_one_variable(one: str, other: str) -> None:
    assert [token.word for token in tokens(one)] == [token.word for token in tokens(other)]


def test_brackets_of_a_call_stay_empty() -> None:
    assert [token.word for token in tokens("init() done")] == ["init", "(", ")", "done"]


def test_a_number_of_things_keeps_its_word() -> None:
    assert [token.word for token in tokens("12 requests")] == [WILDCARD, "requests"]


def test_a_long_line_is_cut_between_words() -> None:
    assert shapes(["word " * 1_000 + "end"])[0].split()[-1] == "word"
    assert len(tokens("a b " * 1_000)) == 160


@given(st.text(max_size=80))
def test_what_is_shown_reads_as_the_line_with_holes(line: str) -> None:
    found = tokens(line)
    assert found
    assert all(token.shown.strip() or not token.word for token in found)


@given(st.text(alphabet="ab0 1:=.-/[]()<>#,KB", max_size=40))
def test_lines_of_one_shape_have_the_same_tokens(line: str) -> None:
    other = line.translate(str.maketrans("01", "73"))
    one, two = shapes([line, other])
    assert one == two
    assert [token.word for token in tokens(line)] == [token.word for token in tokens(other)]


@given(st.lists(st.text(alphabet="ab07 \x1e\0\nß", max_size=12), max_size=6))
def test_lines_have_the_same_shapes_together_as_alone(lines: list[str]) -> None:
    assert shapes(lines) == [shape for line in lines for shape in shapes([line])]


@given(st.text(alphabet="abz0129-_.:#=/é", min_size=1, max_size=12).filter(lambda word: len(word.split()) == 1))
def test_a_words_shape_has_holes_where_its_mask_has_wildcards(word: str) -> None:
    equal = "".join("0" if letter.isdigit() else letter for letter in word)
    assert shapes([word])[0].replace("\0", WILDCARD) == masked(equal)


def test_an_amount_and_the_same_in_brackets_are_one_variable() -> None:
    assert [token.word for token in tokens("2048 bytes (2 KB) sent")] == [WILDCARD, "sent"]


def test_a_list_of_words_in_brackets_is_one_variable_that_shows_the_words() -> None:
    assert [token.word for token in tokens("use [red, green] now")] == ["use", "[", WILDCARD, "]", "now"]
    assert "".join(token.shown for token in tokens("use [red, green] now")) == "use [red, green] now"
    assert [token.word for token in tokens("line [closed] now")] == ["line", "[", "closed", "]", "now"]
