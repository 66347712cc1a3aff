"""Which records had a known defect when they were mapped, and how many. A part of the ledger: keys, never values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from engine.database import Database


class Defects:
    """`found` writes (a durable point of that name); `counts` reads."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def found(self, wave: int, entity: int, keys: Sequence[str], hits: Mapping[str, Sequence[str]]) -> None:
        """Of these records, the hits ({key: names of its defects}) are all that they have now. Twice ends as once."""
        rows = [(key, name) for key, names in hits.items() for name in names]
        await self._db.write(
            "defects",
            [
                (
                    "DELETE FROM defect WHERE entity = ? AND key IN (SELECT value FROM json_each(?))",
                    (entity, orjson.dumps(list(keys)).decode()),
                ),
                (
                    "INSERT INTO defect (entity, key, name, wave) "
                    "SELECT ?1, value->>0, value->>1, ?2 FROM json_each(?3)",
                    (entity, wave, orjson.dumps(rows).decode()),
                ),
            ],
        )

    async def counts(self) -> dict[tuple[int, int], dict[str, int]]:
        """{(wave, entity): {defect: records}}."""
        rows = await self._db.read("SELECT wave, entity, name, n FROM defects WHERE n > 0 ORDER BY wave, entity, name")
        counts: dict[tuple[int, int], dict[str, int]] = {}
        for wave, entity, name, n in rows:
            counts.setdefault((wave, entity), {})[name] = n
        return counts
