"""Where telemetry comes from besides the API: endpoints that are asked, and ports for senders without HTTP."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

_FIRST = {"syslog": "udp", "statsd": "udp", "graphite": "tcp", "fluent": "tcp"}


class PullSettings(BaseModel):
    """An endpoint that telemetry is pulled from. What is given besides these goes to the puller plugin.

    kind: the puller plugin.
    url: where the endpoint is.
    name: what it is called; "": its kind and place.
    tenant: whose telemetry it is; "": the tenant of the settings.
    headers: headers of every request.
    timeout: time for a request.
    every: time between two requests.
    delay: how long an endpoint takes until it holds all of an instant.
    backfill: how far back it is asked after Akeso or the endpoint was away.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    url: str = Field(pattern="^https?://.+")
    name: str = ""
    tenant: str = ""
    headers: dict[str, str] = {}
    timeout: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0))
    every: timedelta = Field(default=timedelta(seconds=15), ge=timedelta(seconds=1))
    delay: timedelta = Field(default=timedelta(seconds=2), ge=timedelta(0))
    backfill: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0))

    @property
    def title(self) -> str:
        """What it is called, without credentials that the URL may hold."""
        place = urlsplit(self.url)
        return self.name or f"{self.kind} {place.hostname}:{place.port}{place.path}".replace(":None", "")


class ListenSettings(BaseModel):
    """A port for one protocol. What arrives has no key, so nothing that rests on it runs without a person.

    protocol: what is spoken there.
    transport: udp, tcp or tls; unset: udp for syslog and statsd, tcp for graphite and fluent. Fluent knows no udp.
    host: address to listen on.
    port: port to listen on; 0: a free one.
    tenant: whose telemetry it is; "": the tenant of the settings.
    certificate: PEM file with the certificate that is shown (tls).
    private_key: PEM file with its key (tls).
    client_ca: PEM file with those who sign the certificates that senders need (tls); unset: senders need none.
    anyone: whether an address may be listened on that other machines reach, without a certificate from them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: Literal["syslog", "statsd", "graphite", "fluent"]
    transport: Literal["udp", "tcp", "tls"] | None = None
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    tenant: str = ""
    certificate: Path | None = None
    private_key: Path | None = None
    client_ca: Path | None = None
    anyone: bool = False

    @property
    def carried_by(self) -> str:
        """The transport, the protocol's usual one where none is set."""
        return self.transport or _FIRST[self.protocol]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.protocol == "fluent" and self.carried_by == "udp":
            raise ValueError("transport: fluent is spoken over tcp or tls")
        if self.carried_by == "tls" and (self.certificate is None or self.private_key is None):
            raise ValueError("certificate and private_key: are missing; tls needs both")
        if self.carried_by != "tls" and (self.certificate or self.private_key or self.client_ca):
            raise ValueError("transport: has to be tls for certificates to count")
        if not (self.anyone or self.client_ca or _is_loopback(self.host)):
            raise ValueError(
                f"host: other machines reach {self.host}; set client_ca, or anyone = true if everybody may send there"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
