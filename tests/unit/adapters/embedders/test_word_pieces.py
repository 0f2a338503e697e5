"""Texts as pieces of words."""

import hashlib
from importlib.resources import files

import pytest

import akeso.adapters.embedders
from akeso.adapters.embedders.wordpiece import WordPiece


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    return WordPiece()


def test_the_vocabulary_is_the_one_of_bert() -> None:
    content = files(akeso.adapters.embedders).joinpath("bert_vocabulary.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (
            "KubePodCrashLooping: pod-7f9 can't start!",
            [
                101,
                13970,
                4783,
                27633,
                26775,
                11823,
                4135,
                17686,
                1024,
                17491,
                1011,
                1021,
                2546,
                2683,
                2064,
                1005,
                1056,
                2707,
                999,
                102,
            ],
        ),
        ("\xdcn\xefc\xf6d\xe9 na\xefve caf\xe9", [101, 27260, 15743, 7668, 102]),
        ("\u65e5\u672c x", [101, 1864, 1876, 1060, 102]),
        ("", [101, 102]),
        ("a" * 101, [101, 100, 102]),
        ("tab\there\x00 \u200bzero", [101, 21628, 2182, 5717, 102]),
        ("rate > 5.0% & \u20ac3", [101, 3446, 1028, 1019, 1012, 1014, 1003, 1004, 1574, 2509, 102]),
        ("unaffable\u3000spaces", [101, 14477, 20961, 3468, 7258, 102]),
    ],
)
def test_texts_become_the_pieces_that_the_published_tokeniser_makes(
    pieces: WordPiece, text: str, numbers: list[int]
) -> None:
    assert pieces.encode(text, 256) == numbers


def test_what_is_too_long_loses_its_end(pieces: WordPiece) -> None:
    whole = pieces.encode("one two three four", 256)
    assert pieces.encode("one two three four", 4) == [*whole[:3], whole[-1]]
