"""Reading .cedar files: parse, check against the schema, understand the annotations."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import cedarpy

from akeso.adapters.policy.vocabulary import SCHEMA
from akeso.domain.errors import InvalidSettings

APPROVERS = ("approver", "admin")
_KNOWN = {"id", "why", "approvers", "expiry", "modify"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Written:
    """One policy as its team wrote it. place: file and number, for messages; modify: parameters of a smaller step."""

    name: str
    place: str
    why: str = ""
    approvers: tuple[str, ...] | None = None
    expiry: timedelta | None = None
    modify: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All policies, parsed once. written: by the id that Cedar reports, in the order of the files."""

    policies: cedarpy.PolicySet
    written: Mapping[str, Written]


def read_policies(folders: Sequence[Path]) -> PolicyBook:
    """Every *.cedar file of the folders, in order of folder and name.

    Raises InvalidSettings naming the file and what is wrong with it: not Cedar, a word the schema does not know, a
    wrong annotation, a name that is used twice, or no policy at all.
    """
    parsed: dict[str, Any] = {}
    written: dict[str, Written] = {}
    for path in _files(folders):
        for policy in _parse(path):
            identity = f"policy{len(parsed)}"
            found = _annotated(policy, f"{path.name}#{len(parsed) + 1}", path)
            if found.name in {other.name for other in written.values()}:
                raise InvalidSettings(str(path), f'two policies have the name "{found.name}"')
            parsed[identity], written[identity] = policy, found
    if not parsed:
        raise InvalidSettings("policies", f"no policy in {', '.join(map(str, folders)) or 'no folder'}")
    whole = {"templates": {}, "staticPolicies": parsed, "templateLinks": []}
    return PolicyBook(cedarpy.PolicySet.from_json_str(json.dumps(whole)), written)


def _files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        if not folder.is_dir():
            raise InvalidSettings(str(folder), "is no folder")
        yield from sorted(folder.glob("*.cedar"))


def _parse(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text()
        whole = json.loads(cedarpy.policies_to_json_str(text))
    except (OSError, ValueError) as exc:
        raise InvalidSettings(str(path), f"cannot be read as Cedar: {exc}") from exc
    if whole["templates"]:
        raise InvalidSettings(str(path), "templates (?principal, ?resource) are not supported")
    if problems := cedarpy.validate_policies(text, SCHEMA).errors:
        raise InvalidSettings(str(path), "; ".join(map(str, problems)))
    ordered = sorted(whole["staticPolicies"].items(), key=lambda item: int(item[0].removeprefix("policy")))
    return [policy for _, policy in ordered]


def _annotated(policy: Mapping[str, Any], place: str, path: Path) -> Written:
    notes: dict[str, str] = policy.get("annotations", {})
    if unknown := notes.keys() - _KNOWN:
        raise InvalidSettings(f"{path} @{min(unknown)}", f"no such annotation; there are {', '.join(sorted(_KNOWN))}")
    if "modify" in notes and policy["effect"] != "forbid":
        raise InvalidSettings(f"{path} @modify", "belongs on a forbid: it says what may run instead")
    if "approvers" in notes and policy["principal"]["op"] != "All":
        reason = "leave the principal open: an approved step is judged as done by the person who approved it"
        raise InvalidSettings(f"{path} @approvers", reason)
    return Written(
        name=notes.get("id") or place,
        place=place,
        why=notes.get("why", ""),
        approvers=_approvers(notes["approvers"], path) if "approvers" in notes else None,
        expiry=_expiry(notes["expiry"], path) if "expiry" in notes else None,
        modify=_modify(notes["modify"], path) if "modify" in notes else None,
    )


def _approvers(text: str, path: Path) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in text.split(","))
    if wrong := [role for role in roles if role not in APPROVERS]:
        raise InvalidSettings(f"{path} @approvers", f'"{wrong[0]}" cannot approve; {" and ".join(APPROVERS)} can')
    return roles


def _expiry(text: str, path: Path) -> timedelta:
    found = re.fullmatch(r"\s*([1-9]\d{0,5})\s*([smhd])\s*", text)
    if found is None:
        raise InvalidSettings(f"{path} @expiry", f'a duration like "30m" or "2h" is wanted, not "{text}"')
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _modify(text: str, path: Path) -> Mapping[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and equals and value.strip() for name, equals, value in pairs):
        raise InvalidSettings(f"{path} @modify", f'parameters like "instances=1" are wanted, not "{text}"')
    return {name.strip(): value.strip() for name, _, value in pairs}
