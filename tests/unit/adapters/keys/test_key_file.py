"""API keys in a file: who is known, what a change does at once, and that a kill leaves the old file or the new one."""

import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from akeso.adapters.keys.file import KeyFile
from akeso.domain.errors import Conflict, InvalidInput, InvalidSettings, NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.testing.clock import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.json"


@pytest.fixture
def keys(path: Path) -> KeyFile:
    return KeyFile(path)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("role", list(Role))
def test_a_key_is_its_owners_name_role_and_tenant(keys: KeyFile, role: Role) -> None:
    key = keys.add("ann", role, "acme")
    assert keys.caller(key) == Caller("ann", role, "acme")
    assert keys.callers() == [Caller("ann", role, "acme")]


def test_nobody_is_known_by_a_wrong_key_or_none(keys: KeyFile) -> None:
    key = keys.add("ann", Role.ADMIN, "acme")
    for wrong in ("", " ", key[:-1], key.upper(), "ak_"):
        assert keys.caller(wrong) is None


def test_without_a_file_nobody_is_known(keys: KeyFile) -> None:
    assert keys.caller("ak_x") is None
    assert keys.callers() == []


def test_keys_differ_and_are_not_in_the_file(keys: KeyFile, path: Path) -> None:
    made = [keys.add(name, Role.VIEWER, "t") for name in ("ann", "bob")]
    assert len(set(made)) == 2
    assert all(key not in path.read_text() for key in made)
    assert min(map(len, made)) >= 40


def test_a_name_is_given_once(keys: KeyFile) -> None:
    keys.add("ann", Role.VIEWER, "t")
    with pytest.raises(Conflict, match="ann"):
        keys.add("ann", Role.ADMIN, "t")


def test_what_another_process_changes_counts_at_once(keys: KeyFile, path: Path) -> None:
    # Faster than the clock of the file system ticks.
    other = KeyFile(path)
    for n in range(20):
        key = other.add(f"ann{n}", Role.VIEWER, "t")
        assert keys.caller(key) is not None
        assert other.remove(f"ann{n}")
        assert keys.caller(key) is None
    assert not other.remove("ann1")
    path.unlink()
    assert keys.callers() == []


def test_only_the_owner_can_read_the_files(keys: KeyFile, path: Path) -> None:
    before = os.umask(0)
    try:
        keys.admin_key("t")
    finally:
        os.umask(before)
    assert mode(path) == mode(path.with_name("admin.key")) == 0o600


def test_a_kill_in_the_middle_of_writing_leaves_the_old_keys(keys: KeyFile, path: Path) -> None:
    key = keys.add("ann", Role.VIEWER, "t")
    path.with_suffix(".json.new").write_text('[{"name": "bo')  # as far as a killed writer came
    assert KeyFile(path).caller(key) is not None
    other = keys.add("bob", Role.VIEWER, "t")
    assert KeyFile(path).caller(other) is not None
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json"]


def test_the_first_admin_key_is_made_once_and_kept(keys: KeyFile, path: Path) -> None:
    key = keys.admin_key("acme")
    assert keys.caller(key) == Caller("admin", Role.ADMIN, "acme")
    assert keys.admin_key("acme") == KeyFile(path).admin_key("acme") == key
    assert path.with_name("admin.key").read_text().strip() == key


def test_a_kill_between_the_two_files_is_mended_by_a_new_admin_key(keys: KeyFile, path: Path) -> None:
    lost = keys.admin_key("t")
    path.with_name("admin.key").unlink()
    key = keys.admin_key("t")
    assert keys.caller(lost) is None
    assert keys.caller(key) is not None
    path.unlink()
    assert keys.caller(keys.admin_key("t")) is not None


def test_an_admin_key_that_was_taken_away_stays_away(keys: KeyFile) -> None:
    key = keys.admin_key("t")
    keys.remove("admin")
    assert keys.admin_key("t") == key
    assert keys.caller(key) is None


ROW = {"name": "ann", "role": "viewer", "tenant": "t", "sha256": "0" * 64}


@pytest.mark.parametrize(
    "text",
    ["[", "{}", '["ann"]', "[5]", *(json.dumps([{k: v for k, v in ROW.items() if k != name}]) for name in ROW),
     json.dumps([ROW | {"role": "king"}]), json.dumps([ROW | {"role": 3}])],
)  # fmt: skip
def test_a_file_that_is_damaged_lets_nobody_in_and_says_so(keys: KeyFile, path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InvalidSettings, match=r"keys\.json"):
        keys.caller("ak_x")


@pytest.mark.parametrize(
    "name", ["", " ", "healing", "Akeso", "akeso:pull", "anonymous", "a\x1b[2J", "a\u202eb", "n" * 101]
)
def test_a_key_may_not_be_called_like_akeso_itself_or_like_nothing(keys: KeyFile, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        keys.add(name, Role.ADMIN, "t")


def test_a_sender_speaks_for_what_its_key_names(keys: KeyFile) -> None:
    keys.add("shop", Role.INGEST, "acme", speaks_for=("cart", "shop-*"))
    assert keys.may_speak("acme", "shop", "cart")
    assert keys.may_speak("acme", "shop", "shop-web")
    assert not keys.may_speak("acme", "shop", "payment")
    assert not keys.may_speak("other", "shop", "cart")
    assert not keys.may_speak("acme", "nobody", "cart")


def test_a_key_for_sending_that_names_nothing_speaks_for_all_but_akeso(keys: KeyFile) -> None:
    keys.add("all", Role.INGEST, "acme")
    assert keys.may_speak("acme", "all", "anything")
    assert not keys.may_speak("acme", "all", "akeso.model")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_a_key_that_was_not_made_for_sending_speaks_for_nothing(keys: KeyFile, role: Role) -> None:
    keys.add("ann", role, "acme")
    assert not keys.may_speak("acme", "ann", "cart")


def test_a_key_that_was_taken_away_speaks_for_nothing_any_more(keys: KeyFile) -> None:
    keys.add("shop", Role.INGEST, "acme")
    keys.remove("shop")
    assert not keys.may_speak("acme", "shop", "cart")


async def test_a_key_ends(path: Path) -> None:
    clock = FakeClock()
    keys = KeyFile(path, clock)
    key = keys.add("ann", Role.INGEST, "acme", expires=clock.now() + timedelta(days=1))
    assert keys.caller(key) is not None
    await clock.advance(timedelta(days=1))
    assert keys.caller(key) is None
    assert not keys.may_speak("acme", "ann", "cart")


def test_another_key_takes_the_place_of_one(keys: KeyFile) -> None:
    old = keys.add("ann", Role.INGEST, "acme", speaks_for=("cart",))
    new = keys.rotate("ann")
    assert keys.caller(old) is None
    assert keys.caller(new) == Caller("ann", Role.INGEST, "acme", ("cart",))
    with pytest.raises(NotFound, match="bob"):
        keys.rotate("bob")
