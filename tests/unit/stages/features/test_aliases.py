"""Two names of one thing are one entity."""

import pytest

from akeso.domain.estate.identity import Aliases


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("loans", "loans"),
        ("loans.internal", "loans"),
        ("loans.shop.svc.cluster.local", "loans"),
        ("loans:8080", "loans"),
        ("postgresql", "postgres"),
        ("db.example.org", "db.example.org"),
        ("10.0.0.3:5432", "10.0.0.3:5432"),
        ("staging/loans.internal", "staging/loans.internal"),
        ("staging/cart.internal", "staging/cart"),
    ],
)
def test_another_name_of_a_known_service_means_that_service(name: str, meant: str) -> None:
    aliases = Aliases()
    for service in ("loans", "postgres", "staging/cart"):
        aliases.add(service)
    assert aliases.of(name) == meant


def test_where_two_services_would_fit_none_is_meant() -> None:
    aliases = Aliases()
    aliases.add("postgres")
    aliases.add("pg")
    assert aliases.of("postgresql") == "postgresql"


def test_nothing_is_an_alias_of_what_has_no_name() -> None:
    aliases = Aliases()
    aliases.add("unknown_service")
    assert aliases.of("unknown_service.internal") == "unknown_service.internal"
