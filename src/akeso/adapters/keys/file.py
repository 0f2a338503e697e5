"""API keys in one file that only its owner can read.

A key is 256 random bits, so a plain SHA-256 of it is as safe to store as a slow password hash would be, and checking
one costs microseconds.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from akeso.domain.errors import Conflict, InvalidSettings
from akeso.domain.estate.access import Caller, Role


class KeyFile:
    """The keys of one installation: name, role, tenant and the key's SHA-256 in hex. Re-read when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._callers: Mapping[str, Caller] = {}

    def caller(self, key: str) -> Caller | None:
        """Whose key this is; None if nobody's."""
        self._refresh()
        return self._callers.get(_digest(key))

    def callers(self) -> list[Caller]:
        self._refresh()
        return sorted(self._callers.values(), key=lambda c: c.name)

    def add(self, name: str, role: Role, tenant: str) -> str:
        """A new key; this is the only time it can be seen. Raises Conflict when the name is taken."""
        rows = self._rows()
        if any(row["name"] == name for row in rows):
            raise Conflict(f"a key named {name} exists already")
        key = f"ak_{secrets.token_urlsafe(32)}"
        rows.append({"name": name, "role": role.name.lower(), "tenant": tenant, "sha256": _digest(key)})
        self._write(rows)
        return key

    def remove(self, name: str) -> bool:
        """Whether there was such a key; it is refused from now on."""
        rows = self._rows()
        kept = [row for row in rows if row["name"] != name]
        self._write(kept)
        return len(kept) < len(rows)

    def admin_key(self, tenant: str) -> str:
        """The key of the installation's first admin, made and written to `admin.key` beside the file if need be."""
        beside = self._path.with_name("admin.key")
        if beside.exists() and self._path.exists():
            return beside.read_text().strip()
        self._write([row for row in self._rows() if row["name"] != "admin"])
        key = self.add("admin", Role.ADMIN, tenant)
        _write_private(beside, key + "\n")
        return key

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._callers, self._stamp = {}, None
            return
        # Two writes may share a tick of the clock; each makes a new file.
        stamp = found.st_mtime_ns, found.st_ino
        if stamp != self._stamp:
            self._callers = dict(map(self._parse, self._rows()))
            self._stamp = stamp

    def _parse(self, row: Mapping[str, str]) -> tuple[str, Caller]:
        try:
            return row["sha256"], Caller(row["name"], Role[row["role"].upper()], row["tenant"])
        except (KeyError, TypeError, AttributeError) as bad:
            raise InvalidSettings(self._path.name, f"holds an entry that is no key: {bad!r}") from bad

    def _rows(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        try:
            rows: list[dict[str, str]] = json.loads(self._path.read_text())
        except ValueError as bad:
            raise InvalidSettings(self._path.name, f"is no JSON: {bad}") from bad
        if not isinstance(rows, list):
            raise InvalidSettings(self._path.name, "is no list of keys")
        return rows

    def _write(self, rows: list[dict[str, str]]) -> None:
        _write_private(self._path, json.dumps(rows, indent=1))


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
