"""The page's source: whatever comes from telemetry goes into the document as text."""

import re

import pytest

from akeso.faces.api.server import PAGE

SOURCE = PAGE.read_text()
SCRIPT = SOURCE[SOURCE.index("<script>") : SOURCE.index("</script>")]


@pytest.mark.parametrize(
    "sink",
    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment",
     "srcdoc", "eval(", "new Function", "setHTMLUnsafe", "javascript:"],
)  # fmt: skip
def test_nothing_is_put_into_the_document_as_markup(sink: str) -> None:
    assert sink not in SOURCE


def test_elements_are_made_in_one_place_and_handlers_are_functions() -> None:
    assert SCRIPT.count("createElement(") == 1
    # An attribute whose name begins with "on" is a listener; its value is never text.
    assert re.search(r'name\.startsWith\("on"\) \? node\.addEventListener', SCRIPT)
    assert not re.search(r"<[a-z]+[^>]* on[a-z]+=", SOURCE)


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.search(r'(?:src|href)\s*=\s*["\']', SOURCE)
    assert not re.search(r"https?://", SOURCE)
    assert "@import" not in SOURCE
    assert "url(" not in SOURCE


def test_the_key_is_kept_no_longer_than_the_tab() -> None:
    assert "localStorage" not in SOURCE
    assert "cookie" not in SOURCE
