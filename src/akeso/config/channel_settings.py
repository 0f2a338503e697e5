"""People who answer in channels: who they are here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from akeso.domain.estate.access import Role


def _role(value: object) -> object:
    if isinstance(value, str) and value.upper() in Role.__members__:
        return Role[value.upper()]
    if isinstance(value, Role):
        return value
    raise ValueError(f"is none of {', '.join(r.name.lower() for r in Role)}")


@dataclass(frozen=True, slots=True)
class Person:
    """name: under which the answers stand in the audit; tenant: "": that of the settings."""

    name: str
    role: Annotated[Role, BeforeValidator(_role)]
    tenant: str = ""


_NOBODY: Mapping[str, Person] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SlackOptions:
    """Answers in Slack, at `/api/v1/slack/interactions`.

    signing_secret: of the Slack app; without it nobody can answer.
    people: Slack's id of a member → name, role and tenant here. Nobody else can answer.
    responses: where words about an answer may be sent; what Slack names outside of it is not called.
    """

    signing_secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    people: Mapping[str, Person] = field(default_factory=lambda: _NOBODY)
    responses: str = "https://hooks.slack.com/"
