"""Before-images: ciphertext of what we wrote over, and the wrapped keys that open it. A part of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from engine.database import Database

_KEEP = """
INSERT INTO image (entity, key, wave, place, target, taken, seal, sealed)
SELECT ?1, value->>0, ?2, ?3, value->>1, ?4, ?5, value->>2 FROM json_each(?6) WHERE true
ON CONFLICT (place, target) DO NOTHING
ON CONFLICT (entity, key) DO UPDATE
SET wave = excluded.wave, place = excluded.place, target = excluded.target, taken = excluded.taken,
    seal = excluded.seal, sealed = excluded.sealed
"""
# What exists at the target and is not known to be as it should: whoever carries these records next writes them. CROSS:
# else SQLite goes through all images of the place for each of these.
EXIST = """
INSERT INTO entry (entity, key, wave, bucket, target, version, print)
SELECT ?1, j.value->>0, ?2, 2, j.value->>1, '', '' FROM json_each(?3) j
CROSS JOIN image ON image.entity = ?1 AND image.key = j.value->>0
WHERE image.place = ?4 AND image.target = j.value->>1
ON CONFLICT (entity, key) DO UPDATE
SET wave = excluded.wave, bucket = excluded.bucket, target = excluded.target,
    version = excluded.version, print = excluded.print
"""
_SEALED = """
SELECT i.entity, i.key, i.target, i.sealed, k.id, k.wave, k.wrapped FROM image i JOIN image_key k ON k.id = i.seal
"""


class Taken(NamedTuple):
    """That there is an image of a record, and of which."""

    target: str
    at: datetime  # by the target's clock
    shredded: bool  # nobody can open it any more


class WaveKey(NamedTuple):
    id: int
    wave: int
    wrapped: str  # base64


class Sealed(NamedTuple):
    entity: int
    key: str
    target: str
    sealed: str  # base64 of ciphertext
    by: WaveKey


class Images:
    """Verbs write (each is one durable point); the rest reads."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def keep_key(self, key: WaveKey) -> None:
        """The key of its wave's images from here on, unless that has one."""
        await self._db.write(
            "keep_key",
            [("INSERT OR IGNORE INTO image_key VALUES (?, ?, ?)", key)],
        )

    async def key(self, wave: int) -> WaveKey | None:
        rows = await self._db.read("SELECT id, wave, wrapped FROM image_key WHERE wave = ?", (wave,))
        return WaveKey(*rows[0]) if rows else None

    async def keep(
        self, wave: int, entity: int, place: str, at: datetime, seal: int, rows: Sequence[tuple[str, str, str]]
    ) -> None:
        """Images as (key, id at the target, sealed), and the records' entries with them. A record whose image there is
        keeps that one; a target that another record has stays that one's."""
        packed = orjson.dumps(rows).decode()
        ends = orjson.dumps([row[:2] for row in rows]).decode()
        await self._db.write(
            "image",
            [
                (_KEEP, (entity, wave, place, at.isoformat(), seal, packed)),
                (EXIST, (entity, wave, ends, place)),
            ],
        )

    async def taken(self, entity: int, keys: Sequence[str]) -> dict[str, Taken]:
        """Of which of these records there is an image."""
        rows = await self._db.read(
            "SELECT i.key, i.target, i.taken, k.id IS NULL FROM image i LEFT JOIN image_key k ON k.id = i.seal "
            "WHERE i.entity = ? AND i.key IN (SELECT value FROM json_each(?))",
            (entity, orjson.dumps(keys).decode()),
        )
        return {key: Taken(target, datetime.fromisoformat(at), bool(lost)) for key, target, at, lost in rows}

    async def sealed(self, entity: int, keys: Sequence[str]) -> list[Sealed]:
        """The images of these records that their keys should open."""
        rows = await self._db.read(
            _SEALED + "WHERE i.entity = ? AND i.key IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own words
            (entity, orjson.dumps(keys).decode()),
        )
        return [_sealed(row) for row in rows]

    async def page(self, wave: int, after: tuple[int, str], limit: int) -> list[Sealed]:
        """The same of this wave's records, in order of entity and key."""
        rows = await self._db.read(
            _SEALED + "JOIN entry e ON e.entity = i.entity AND e.key = i.key "
            "WHERE e.wave = ? AND (i.entity, i.key) > (?, ?) ORDER BY i.entity, i.key LIMIT ?",
            (wave, *after, limit),
        )
        return [_sealed(row) for row in rows]

    async def counts(self) -> dict[int, int]:
        """Images that can be opened, by the wave that took them."""
        rows = await self._db.read("SELECT k.wave, count(*) FROM image i JOIN image_key k ON k.id = i.seal GROUP BY 1")
        return dict(rows)


def _sealed(row: tuple[Any, ...]) -> Sealed:
    entity, key, target, sealed, *by = row
    return Sealed(entity, key, target, sealed, WaveKey(*by))
