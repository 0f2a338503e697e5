"""Who spoke of which service: remembered as long as it matters, and never more than there is room for."""

from akeso.domain.estate.access import ANONYMOUS, UNTOLD
from akeso.stages.features.authors import AuthorBook

FORGET = 100


def test_who_spoke_of_a_service_is_known_until_it_is_forgotten() -> None:
    book = AuthorBook(FORGET)
    book.hear("t", "otel", ["cart"], 1_000)
    assert book.authors("t", ["cart"], 1_000) == {"cart": frozenset({"otel"})}
    assert book.authors("t", ["cart"], 1_001) == {"cart": frozenset()}
    assert book.authors("other", ["cart"], 0) == {"cart": frozenset()}
    book.hear("t", "otel", ["search"], 1_000 + FORGET + 1)
    assert book.authors("t", ["cart"], 0) == {"cart": frozenset()}


def test_a_flood_of_names_drives_nobody_out_and_of_what_has_no_room_nobody_vouches() -> None:
    book = AuthorBook(FORGET, most=10)
    book.hear("t", ANONYMOUS, ["cart"], 1_000)
    for number in range(50):
        book.hear("t", ANONYMOUS, [f"made up {number}"], 1_001)
    book.hear("t", "otel", ["cart", "search"], 1_002)
    assert book.authors("t", ["cart", "search"], 1_000) == {
        "cart": frozenset({ANONYMOUS, "otel"}),
        "search": frozenset({UNTOLD}),
    }
