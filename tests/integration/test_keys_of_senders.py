"""Where senders put their keys, and the handshake of webhooks."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from akeso.testing.requests.valid_requests import ALARM
from akeso.testing.servers.running import Akeso

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

EVENT: dict[str, Any] = {
    "event_action": "trigger",
    "dedup_key": "k",
    "payload": {"summary": "s", "source": "h", "severity": "error"},
}


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    with Akeso(tmp_path_factory.mktemp("akeso")).running() as akeso:
        yield akeso


@pytest.fixture(scope="module")
def key(akeso: Akeso) -> str:
    return akeso.new_key("pager", "ingest")


def asked(akeso: Akeso, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | more.pop("headers", {})
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.request(method, akeso.url + path, content=content, headers=headers, **more)


def test_the_routing_key_of_pagerduty_is_a_key(akeso: Akeso, key: str) -> None:
    assert asked(akeso, "POST", "/v2/enqueue", EVENT | {"routing_key": key}).status_code == 202


@pytest.mark.parametrize("body", [EVENT, EVENT | {"routing_key": "ak_wrong"}, {"routing_key": 7}, [], "x" * 70_000])
def test_without_a_valid_key_an_event_is_refused_as_pagerduty_does(akeso: Akeso, body: object) -> None:
    refused = asked(akeso, "POST", "/v2/enqueue", body)
    assert refused.status_code in {401, 413}
    assert set(refused.json()) == {"status", "message", "errors"}


def test_a_key_in_the_header_counts_whatever_the_body_says(akeso: Akeso, key: str) -> None:
    headers = {"X-API-Key": key}
    assert asked(akeso, "POST", "/v2/enqueue", EVENT | {"routing_key": "x"}, headers=headers).status_code == 202


def test_a_compressed_body_without_a_key_is_not_looked_into(akeso: Akeso, key: str) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert asked(akeso, "POST", "/v2/enqueue", EVENT | {"routing_key": key}, headers=headers).status_code == 401


@pytest.mark.parametrize("auth", ["basic", "bearer", "own"])
def test_a_key_may_be_a_password_a_token_or_a_header_of_its_own(akeso: Akeso, key: str, auth: str) -> None:
    ways: dict[str, dict[str, Any]] = {
        "basic": {"auth": ("anything", key)},
        "bearer": {"headers": {"Authorization": f"Bearer {key}"}},
        "own": {"headers": {"X-API-Key": key}},
    }
    given = ways[auth]
    alert = [{"labels": {"alertname": "A", "service": auth}}]
    assert asked(akeso, "POST", "/api/v2/alerts", alert, **given).status_code == 200


def test_sns_says_text_and_has_its_key_in_the_address(akeso: Akeso, key: str) -> None:
    body = {"Type": "Notification", "MessageId": "m", "Message": json.dumps(ALARM), "TopicArn": "arn:t"}
    headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
    told = asked(akeso, "POST", "/api/v1/alerts/aws", body, headers=headers, auth=("akeso", key))
    assert told.status_code == 202, told.text


def test_event_grid_may_ask_before_it_delivers(akeso: Akeso) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    allowed = asked(akeso, "OPTIONS", "/api/v1/events", headers=headers)
    assert allowed.status_code == 200
    assert allowed.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert "access-control-allow-origin" not in allowed.headers
    assert asked(akeso, "OPTIONS", "/api/v1/events").status_code == 405
