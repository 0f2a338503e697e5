"""Full-text search beside the tables: FTS5 on SQLite, tsvector on PostgreSQL, and the same answers from both.

Which words a text has is worked out in akeso.domain.incident.search_words; the databases only look them up. Each
subject ("incident", "alert") has an index of its own, whose keys are the numbers of its rows.
"""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ARRAY, BigInteger, Column, ColumnElement, Connection, Text, bindparam, column, false, text
from sqlalchemy.ext.asyncio import AsyncConnection

Subject = Literal["incident", "alert"]
_SUBJECTS: tuple[Subject, ...] = ("incident", "alert")
PREFIX = "search_"  # of every table made here, those that FTS5 makes for itself included


def create(connection: Connection) -> None:
    """Makes the indices. They stand outside the metadata, which knows no virtual tables."""
    for subject in _SUBJECTS:
        for statement in _CREATE[connection.dialect.name]:
            connection.execute(text(statement.format(name=f"{PREFIX}{subject}")))


def drop(connection: Connection) -> None:
    for subject in _SUBJECTS:
        connection.execute(text(f"DROP TABLE {PREFIX}{subject}"))


async def put(connection: AsyncConnection, subject: Subject, number: int, words: Sequence[str]) -> None:
    """What row `number` can be found by, in place of what it was."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text(f"DELETE FROM {PREFIX}{subject} WHERE rowid = :number"), {"number": number})
    await connection.execute(insertion(connection.dialect.name, subject), row(connection.dialect.name, number, words))


def insertion(dialect: str, subject: Subject) -> Any:
    """The statement that takes what `row` makes."""
    return text(_INSERT[dialect].format(name=f"{PREFIX}{subject}")).bindparams(
        bindparam("words", type_=Text() if dialect == "sqlite" else ARRAY(Text))
    )


def row(dialect: str, number: int, words: Sequence[str]) -> dict[str, Any]:
    return {"number": number, "words": " ".join(words) if dialect == "sqlite" else list(words)}


def found(dialect: str, subject: Subject, number: Column[int], words: Sequence[str]) -> ColumnElement[bool]:
    """Whether each of `words` begins a word of the row with this number; nothing is found by no words."""
    if not words:
        return false()
    chosen = text(_FIND[dialect].format(name=f"{PREFIX}{subject}"))
    # Words are letters and digits, so that quoting them is enough in both languages.
    asked = " ".join(f'"{word}"*' for word in words) if dialect == "sqlite" else " & ".join(f"'{w}':*" for w in words)
    numbers = chosen.bindparams(asked=asked).columns(column("number", BigInteger))
    return number.in_(numbers)


_CREATE = {
    "sqlite": (
        "CREATE VIRTUAL TABLE {name} USING fts5(words, tokenize='unicode61 remove_diacritics 0', prefix='2 3 4')",
    ),
    "postgresql": (
        "CREATE TABLE {name} (number BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX {name}_words ON {name} USING gin (words)",
    ),
}
_INSERT = {
    "sqlite": "INSERT INTO {name} (rowid, words) VALUES (:number, :words)",
    "postgresql": "INSERT INTO {name} (number, words) VALUES (:number, array_to_tsvector(:words))"
    " ON CONFLICT (number) DO UPDATE SET words = excluded.words",
}
_FIND = {
    "sqlite": "SELECT rowid AS number FROM {name} WHERE words MATCH :asked",
    "postgresql": "SELECT number FROM {name} WHERE words @@ CAST(:asked AS tsquery)",
}
