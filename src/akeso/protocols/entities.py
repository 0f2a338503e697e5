"""Who a set of labels is about: a service, a workload, a host, a queue, by rules that stand in a file.

The rules ship as `defaults/entities.yaml`. What none of them names has no name of its own: it gets one that nobody else
has, so that it is never taken for something that it only shares the lack of a name with.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.identity import FALLBACK, is_fallback

Takes = Literal["as_is", "pod", "run", "host", "url", "told_of", "unit"]

# https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/ : name-<template hash>-<five characters>
_REPLICA = re.compile(r"-[a-z0-9]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$")
_MEMBER = re.compile(r"-(\d+|[bcdfghjklmnpqrstvwxz2456789]{5})$")
_RUN = re.compile(r"-\d{6,}(-[a-z0-9]{5})?$")
_PLACE = re.compile(r"^(?:[a-z][a-z0-9+.\-]*://)?(?:[^@/]*@)?(\[[0-9a-fA-F:]+\]|[^:/\s]+)(?::(\d+))?(?:/.*)?$", re.I)
_EXPORTER = re.compile(r"(?<=.)[-_](metrics[-_])?exporter$")
_NUMBERS = re.compile(r"^[\d.]+$|^\[")


class Rule(BaseModel):
    """Labels that may hold the name, in order; kind of entity; how the name is made of the value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    labels: tuple[str, ...]
    takes: Takes = "as_is"
    not_from_exporters: bool = False
    only_from_exporters: bool = False
    of_hosts: bool = False


class EntityRules(BaseModel):
    """All rules of a team; see defaults/entities.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Rule, ...]
    exporters: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    beside_production: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """kind: service, workload, host, …; empty when nothing names it. name: with its environment before it where that
    is not production. namespace: empty where none is told."""

    kind: str
    name: str
    namespace: str = ""


def read_rules(text: str, name: str) -> EntityRules:
    """A file of rules. Raises InvalidSettings naming the file and the place."""
    try:
        return EntityRules.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as bad:
        raise InvalidSettings(name, f"is no YAML: {bad}") from bad
    except ValidationError as bad:
        first = bad.errors()[0]
        raise InvalidSettings(f"{name}: {'.'.join(map(str, first['loc']))}", first["msg"]) from bad


@lru_cache(maxsize=1)
def shipped_rules() -> EntityRules:
    """The rules that ship with Akeso."""
    path = files("akeso") / "defaults" / "entities.yaml"
    return read_rules(path.read_text(encoding="utf-8"), path.name)


class _InForce:
    rules: EntityRules | None = None


def rules_in_force() -> EntityRules:
    """Those of the installation; the shipped ones where it has none."""
    return _InForce.rules or shipped_rules()


def use_rules(rules: EntityRules | None) -> None:
    """From now on these are in force, None for the shipped ones. Called by the composition root, once a process:
    decoders of many formats share them."""
    _InForce.rules = rules
    name_of_resource.cache_clear()


def entity_of(labels: Mapping[str, str], rules: EntityRules | None = None) -> Entity:
    """Whom the labels are about; the fallback name when nothing tells."""
    rules = rules or rules_in_force()
    namespace = _first(labels, rules.namespace)
    exported, of_hosts = _told_by(labels, rules.exporters), _told_by(labels, rules.hosts)
    for rule in rules.rules:
        skipped = (rule.not_from_exporters and exported) or (rule.only_from_exporters and not exported)
        if skipped or (rule.of_hosts and not of_hosts):
            continue
        for label in rule.labels:
            if (value := labels.get(label)) and (name := taken(value, rule.takes)):
                return Entity(rule.kind, qualified(name, labels, rules), namespace)
    return Entity("", FALLBACK, namespace)


@lru_cache(maxsize=4_096)
def name_of_resource(told: tuple[tuple[str, str], ...]) -> str:
    """The name of what labels are about whose `service` is trusted where it is a name, and not that of an SDK which was
    given none (`unknown_service:python`)."""
    labels = dict(told)
    service = labels.get("service", "")
    if service and not is_fallback(service):
        return qualified(service, labels)
    found = entity_of({name: value for name, value in labels.items() if name != "service"})
    return found.name if found.kind else service or FALLBACK


def qualified(name: str, labels: Mapping[str, str], rules: EntityRules | None = None) -> str:
    """The name, with its environment before it where that is not production."""
    rules = rules or rules_in_force()
    told = [_first(labels, rules.environment), _first(labels, rules.namespace)]
    beside = next((each for each in told if each.lower() in rules.beside_production), "")
    return f"{beside}/{name}" if beside and not name.startswith(f"{beside}/") else name


def beside_production(service: str, rules: EntityRules | None = None) -> str:
    """What stands before the names of those in the same environment as a service: `staging/`; empty in production."""
    beside, slash, _ = service.partition("/")
    return f"{beside}/" if slash and beside.lower() in (rules or rules_in_force()).beside_production else ""


def taken(value: str, how: Takes) -> str:
    """The name of an entity made of the value of a label."""
    match how:
        case "pod":
            return _REPLICA.sub("", value) if _REPLICA.search(value) else _MEMBER.sub("", value)
        case "run":
            return _RUN.sub("", value)
        case "host":
            return _host(value)
        case "url":
            return _host(value) if "://" in value else ""
        case "told_of":
            return _EXPORTER.sub("", value) if _EXPORTER.search(value) else ""
        case "unit":
            return value.removesuffix(".service")
        case _:
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
            return re.split(r"[:/]", value)[-1] if value.startswith("arn:") else value


def _told_by(labels: Mapping[str, str], patterns: tuple[str, ...]) -> bool:
    told = [labels.get("job", ""), labels.get("service", "")]
    return any(fnmatchcase(each, pattern) for each in told if each for pattern in patterns)


def _host(value: str) -> str:
    found = _PLACE.match(value.strip())
    if found is None:
        return value.strip()
    host, port = found.group(1), found.group(2)
    # An address says nothing of what listens there without its port.
    return f"{host}:{port}" if port and _NUMBERS.match(host) else host


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
