"""What a terminal shows of texts from elsewhere."""

import pytest

from akeso.faces.plain_text import plain


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "\x9b31m", "back\x08", "\u202eevil", "\u2066x\u2069", "\x00", "\x7f"],
)
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    shown = plain({"title": [text]})["title"][0]
    assert len(shown) == len(text)
    assert "\ufffd" in shown
    assert not {*shown} & {"\x1b", "\x07", "\r", "\x9b", "\x08", "\u202e", "\u2066", "\u2069", "\x00", "\x7f"}


def test_ordinary_text_in_any_language_is_as_it_was() -> None:
    told = {"größe": ["日本語\tзначение\n", "עברית", 7, None, True, 1.5]}
    assert plain(told) == told
