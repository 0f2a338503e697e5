"""services.yaml: what it may hold, and that every mistake names its place."""

from pathlib import Path

import pytest

from akeso.config.service_file import load_services
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Trust

FULL = """
services:
  checkout:
    tier: 1
    owner: shop-team
    environment: staging
    minimum_healthy: 2
    slo: {latency_ms: 300, error_ratio: 0.02}
    trust: suggest
    action_trust: {restart: AUTO}
    bindings:
      process: {kind: supervisord, url: "http://127.0.0.1:9001/RPC2", group: checkout}
  bank: {external: true}
  cart:
"""


def load(folder: Path, text: str) -> str:
    file = folder / "services.yaml"
    file.write_text(text)
    with pytest.raises(InvalidSettings) as refusal:
        load_services(file)
    return refusal.value.field


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    (tmp_path / "services.yaml").write_text(FULL)
    services = load_services(tmp_path / "services.yaml")
    checkout = services["checkout"]
    assert (checkout.tier, checkout.owner, checkout.environment) == (1, "shop-team", "staging")
    assert (checkout.minimum_healthy, checkout.latency_slo_ms, checkout.error_slo) == (2, 300.0, 0.02)
    assert checkout.bindings["process"]["group"] == "checkout"
    assert services.trust("checkout", "restart", Trust.OBSERVE) is Trust.AUTO
    assert services.trust("checkout", "scale_out", Trust.AUTO) is Trust.SUGGEST
    assert services["bank"].external
    assert (services["cart"].tier, services["unheard"].tier) == (3, 3)
    assert services.trust("cart", "restart", Trust.APPROVE) is Trust.APPROVE


@pytest.mark.parametrize("text", ["", "services: {}", "{}"])
def test_nothing_said_is_fine(tmp_path: Path, text: str) -> None:
    (tmp_path / "services.yaml").write_text(text)
    assert load_services(tmp_path / "services.yaml").specs == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("services: {cart: {teir: 1}}", "services.cart.teir"),
        ("services: {cart: {tier: low}}", "services.cart.tier"),
        ("services: {cart: {tier: 12}}", "services.cart.tier"),
        ("services: {cart: {trust: blind}}", "services.cart.trust"),
        ("services: {cart: {action_trust: {restart: 7}}}", "services.cart.action_trust.restart"),
        ("services: {cart: {slo: {error_ratio: 5}}}", "services.cart.slo.error_ratio"),
        ("services: {cart: {slo: {latency_ms: 0}}}", "services.cart.slo.latency_ms"),
        ("services: {cart: {bindings: {process: supervisord}}}", "services.cart.bindings.process"),
        ("services: {cart: {bindings: {process: {port: 9001}}}}", "services.cart.bindings.process.port"),
        ("services: [cart]", "services"),
        ("servces: {}", "servces"),
        ("false", ""),
        ("[]", ""),
    ],
)
def test_a_mistake_names_the_file_and_its_place(tmp_path: Path, text: str, place: str) -> None:
    assert load(tmp_path, text) == (f"services.yaml: {place}" if place else "services.yaml")


def test_a_file_that_is_no_yaml_or_not_there_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, "services: {").endswith("services.yaml")
    with pytest.raises(InvalidSettings, match=r"none\.yaml: cannot be read: No such file"):
        load_services(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00services")
    with pytest.raises(InvalidSettings, match=r"binary\.yaml"):
        load_services(tmp_path / "binary.yaml")
