"""Versions of the detection model as rows beside the journal."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.tables import model_aliases, model_versions
from akeso.domain.detection.detection_model import Alias, Artefact, ModelDraft, ModelVersion
from akeso.domain.errors import NotFound
from akeso.engine.artefact_codec import decode_artefact, encode_artefact

_LISTED = tuple(column for column in model_versions.c if column.name != "artefact")


class SqlModelRegistry:
    """Implements akeso.ports.model_registry.ModelRegistry on the journal's database, which others close."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, draft: ModelDraft) -> ModelVersion:
        data = await asyncio.to_thread(encode_artefact, draft.artefact)

        async def work(connection: AsyncConnection) -> ModelVersion:
            newest = (await connection.execute(select(func.max(model_versions.c.version)))).scalar()
            made = draft.named(str((newest or 0) + 1))
            # Beside the statement, not in it: statements are remembered, and their values with them.
            await connection.execute(insert(model_versions), {"artefact": data, **_row(made)})
            return made

        return await self._database.write(work)

    async def versions(self) -> Sequence[ModelVersion]:
        chosen = select(*_LISTED).order_by(model_versions.c.version.desc())
        async with self._database.read() as connection:
            return [_version(row) for row in (await connection.execute(chosen)).mappings()]

    async def get(self, version: str) -> ModelVersion:
        chosen = select(*_LISTED).where(model_versions.c.version == _number(version))
        async with self._database.read() as connection:
            found = (await connection.execute(chosen)).mappings().one_or_none()
        if found is None:
            raise _absent(version)
        return _version(found)

    async def load(self, version: str) -> Artefact:
        chosen = select(model_versions.c.artefact).where(model_versions.c.version == _number(version))
        async with self._database.read() as connection:
            found = (await connection.execute(chosen)).scalar()
        if found is None:
            raise _absent(version)
        return await asyncio.to_thread(decode_artefact, found)

    async def aliases(self) -> Mapping[Alias, str]:
        async with self._database.read() as connection:
            return await _aliases(connection)

    async def point(self, alias: Alias, version: str | None) -> None:
        await self._database.write(lambda connection: _point(connection, alias, version))

    async def promote(self, version: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            now = await _aliases(connection)
            champion = now.get(Alias.CHAMPION)
            if champion == version:
                return
            await _point(connection, Alias.CHAMPION, version)
            if champion is not None:
                await _point(connection, Alias.PREVIOUS, champion)
            if now.get(Alias.CHALLENGER) == version:
                await _point(connection, Alias.CHALLENGER, None)

        await self._database.write(work)

    async def prune(self, keep: int) -> int:
        async def work(connection: AsyncConnection) -> int:
            newest_first = select(model_versions.c.version).order_by(model_versions.c.version.desc())
            old = list((await connection.execute(newest_first)).scalars())[max(keep, 0) :]
            held = {int(version) for version in (await _aliases(connection)).values()}
            gone = [version for version in old if version not in held]
            await connection.execute(delete(model_versions).where(model_versions.c.version.in_(gone)))
            return len(gone)

        return await self._database.write(work)

    async def close(self) -> None:
        """The database is the journal's."""


async def _aliases(connection: AsyncConnection) -> dict[Alias, str]:
    rows = await connection.execute(select(model_aliases.c.alias, model_aliases.c.version))
    return {Alias(alias): str(version) for alias, version in rows}


async def _point(connection: AsyncConnection, alias: Alias, version: str | None) -> None:
    if version is not None:
        found = select(model_versions.c.version).where(model_versions.c.version == _number(version))
        if (await connection.execute(found)).scalar() is None:
            raise _absent(version)
    await connection.execute(delete(model_aliases).where(model_aliases.c.alias == alias.value))
    if version is not None:
        await connection.execute(insert(model_aliases).values(alias=alias.value, version=_number(version)))


def _number(version: str) -> int:
    if not version.isascii() or not version.isdecimal() or len(version) > 18:
        raise _absent(version)
    return int(version)


def _absent(version: str) -> NotFound:
    return NotFound(f"there is no version {version} of the detection model")


def _row(made: ModelVersion) -> dict[str, Any]:
    return {
        "version": int(made.version),
        "created_at": made.created_at,
        "created_by": made.by,
        "reason": made.reason,
        "parent": made.parent,
        "threshold": made.threshold,
        "series": made.series,
        "metrics": dict(made.metrics),
    }


def _version(row: Mapping[Any, Any]) -> ModelVersion:
    return ModelVersion(
        str(row["version"]), row["created_at"], row["created_by"], row["reason"], row["parent"], row["threshold"],
        row["series"], row["metrics"],
    )  # fmt: skip
