"""API keys in one file that only its owner can read.

A key is 256 random bits, so a plain SHA-256 of it is as safe to store as a slow password hash would be, and checking
one costs microseconds.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from akeso.domain.errors import Conflict, InvalidInput, InvalidSettings, NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.ports.clock import Clock

# Names under which Akeso itself acts and speaks: a key of that name would act in Akeso's.
_RESERVED = re.compile(r"(?i)(akeso|healing|listen|anonymous|governance|monitoring|supervisor|agent)([.:].*)?")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]{1,100}")


class KeyFile:
    """The keys of one installation: name, role, tenant and the key's SHA-256 in hex, for whom a sender may speak and
    when it ends. Re-read when the file changes."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """clock: what tells that a key has ended; without one none does."""
        self._path, self._clock = path, clock
        self._stamp: tuple[int, int] | None = None
        self._callers: Mapping[str, Caller] = {}
        self._named: Mapping[str, Caller] = {}

    def caller(self, key: str) -> Caller | None:
        """Whose key this is; None if nobody's, or of one that has ended."""
        self._refresh()
        found = self._callers.get(_digest(key))
        return found if found is not None and self._lasts(found) else None

    def callers(self) -> list[Caller]:
        self._refresh()
        return sorted(self._callers.values(), key=lambda c: c.name)

    def may_speak(self, tenant: str, author: str, service: str) -> bool:
        """Whether the key named `author` may speak for `service` of `tenant` now. One that was taken away may not."""
        self._refresh()
        found = self._named.get(author)
        return found is not None and found.tenant == tenant and self._lasts(found) and found.may_speak_for(service)

    def add(
        self,
        name: str,
        role: Role,
        tenant: str,
        *,
        speaks_for: tuple[str, ...] | None = None,
        expires: datetime | None = None,
    ) -> str:
        """A new key; this is the only time it can be seen. Raises Conflict when the name is taken, InvalidInput when it
        is Akeso's own or holds characters that cannot be seen."""
        if _RESERVED.fullmatch(name) or not _NAME.fullmatch(name) or not name.strip():
            raise InvalidInput("name", "has to be 1 to 100 visible characters, and none of Akeso's own names")
        rows = self._rows()
        if any(row["name"] == name for row in rows):
            raise Conflict(f"a key named {name} exists already")
        key = _new_key()
        self._write([*rows, _row(Caller(name, role, tenant, speaks_for, expires), key)])
        return key

    def rotate(self, name: str) -> str:
        """Another key in the place of the one named so, with the same rights. Raises NotFound."""
        rows = self._rows()
        key = _new_key()
        changed = [row | {"sha256": _digest(key)} if row["name"] == name else row for row in rows]
        if changed == rows:
            raise NotFound(f"there is no key named {name}")
        self._write(changed)
        return key

    def remove(self, name: str) -> bool:
        """Whether there was such a key; it is refused from now on."""
        rows = self._rows()
        kept = [row for row in rows if row["name"] != name]
        self._write(kept)
        return len(kept) < len(rows)

    def admin_key(self, tenant: str) -> str:
        """The key of the installation's first admin, made and written to `admin.key` beside the file if need be."""
        return self._kept("admin.key", "admin", Role.ADMIN, tenant)

    def sender_key(self, tenant: str) -> str:
        """The key of the installation's first sender, which may speak for every service; in `ingest.key` beside."""
        return self._kept("ingest.key", "first-sender", Role.INGEST, tenant)

    def _kept(self, file: str, name: str, role: Role, tenant: str) -> str:
        beside = self._path.with_name(file)
        if beside.exists() and self._path.exists():
            return beside.read_text().strip()
        self._write([row for row in self._rows() if row["name"] != name])
        key = self.add(name, role, tenant)
        _write_private(beside, key + "\n")
        return key

    def _lasts(self, caller: Caller) -> bool:
        return caller.expires is None or self._clock is None or self._clock.now() < caller.expires

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._callers, self._named, self._stamp = {}, {}, None
            return
        # Two writes may share a tick of the clock; each makes a new file.
        stamp = found.st_mtime_ns, found.st_ino
        if stamp != self._stamp:
            self._callers = dict(map(self._parse, self._rows()))
            self._named = {caller.name: caller for caller in self._callers.values()}
            self._stamp = stamp

    def _parse(self, row: Mapping[str, Any]) -> tuple[str, Caller]:
        try:
            found = Caller(row["name"], Role[row["role"].upper()], row["tenant"])
            if (patterns := row.get("speaks_for")) is not None:
                found = replace(found, speaks_for=tuple(map(str, patterns)))
            if (end := row.get("expires")) is not None:
                found = replace(found, expires=datetime.fromisoformat(end))
            return row["sha256"], found
        except (KeyError, TypeError, AttributeError, ValueError) as bad:
            raise InvalidSettings(self._path.name, f"holds an entry that is no key: {bad!r}") from bad

    def _rows(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        try:
            rows: list[dict[str, Any]] = json.loads(self._path.read_text())
        except ValueError as bad:
            raise InvalidSettings(self._path.name, f"is no JSON: {bad}") from bad
        if not isinstance(rows, list):
            raise InvalidSettings(self._path.name, "is no list of keys")
        return rows

    def _write(self, rows: list[dict[str, Any]]) -> None:
        _write_private(self._path, json.dumps(rows, indent=1))


def _row(caller: Caller, key: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": caller.name, "role": caller.role.name.lower(), "tenant": caller.tenant}
    if caller.speaks_for is not None:
        row["speaks_for"] = list(caller.speaks_for)
    if caller.expires is not None:
        row["expires"] = caller.expires.isoformat()
    return row | {"sha256": _digest(key)}


def _new_key() -> str:
    return f"ak_{secrets.token_urlsafe(32)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _write_private(path: Path, text: str) -> None:
    # Written beside and moved into place, so that a kill leaves the old file or the new one, never half of one.
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
