"""References between records, until the second pass has tied them. A part of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from engine.asides import Asides
from engine.drifts import SOIL_THESE, Drifts


class OpenReference(NamedTuple):
    key: str
    name: str
    to_key: str
    target: str
    to_target: str


class References(Asides):
    """Verbs write (each is one durable point, named like the verb); the rest reads."""

    drifts: Drifts

    async def open_references(
        self, wave: int, entity: int, name: str, after: tuple[str, str], limit: int
    ) -> list[OpenReference]:
        """References whose both ends exist at the target by now, in order of (key, to_key), after `after`. Those of a
        record that somebody edited at the target, or that left the scope, stay as they are."""
        rows = await self._db.read(
            "SELECT r.key, r.name, r.to_key, a.target, b.target FROM reference r "
            "JOIN entry a ON a.entity = r.entity AND a.key = r.key "
            "JOIN entry b ON b.entity = r.to_entity AND b.key = r.to_key "
            "WHERE r.done = 0 AND r.entity = ?1 AND r.name = ?2 AND (r.key, r.to_key) > (?3, ?6) "
            "AND (r.wave = ?5 OR b.wave = ?5) "
            "AND a.bucket NOT IN (7, 8) AND a.target <> '' AND b.target <> '' ORDER BY r.key, r.to_key LIMIT ?4",
            (entity, name, after[0], limit, wave, after[1]),
        )
        return [OpenReference(*row) for row in rows]

    async def loose_ends(self, wave: int, entity: int) -> list[tuple[int, int, int]]:
        """Ties of this wave's records that are not tied yet: (other entity, bucket of the other end or 0, how many)."""
        rows = await self._db.read(
            "SELECT r.to_entity, coalesce(b.bucket, 0), count(*) FROM reference r "
            "LEFT JOIN entry b ON b.entity = r.to_entity AND b.key = r.to_key "
            "WHERE r.done = 0 AND r.entity = ? AND r.wave = ? GROUP BY 1, 2",
            (entity, wave),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    async def loose_keys(self, wave: int, entity: int, to_entity: int, bucket: int, limit: int) -> list[str]:
        """Keys of records that have such ties, each once."""
        rows = await self._db.read(
            "SELECT DISTINCT r.key FROM reference r LEFT JOIN entry b ON b.entity = r.to_entity AND b.key = r.to_key "
            "WHERE r.done = 0 AND r.entity = ? AND r.wave = ? AND r.to_entity = ? AND coalesce(b.bucket, 0) = ? "
            "ORDER BY r.key LIMIT ?",
            (entity, wave, to_entity, bucket, limit),
        )
        return [row[0] for row in rows]

    async def references(self, wave: int, entity: int) -> int:
        """Ties of this wave's records, tied or not."""
        rows = await self._db.read("SELECT count(*) FROM reference WHERE entity = ? AND wave = ?", (entity, wave))
        return int(rows[0][0])

    async def tied(self, entity: int, references: Sequence[OpenReference]) -> None:
        """The second pass has tied these together."""
        packed = orjson.dumps([(r.key, r.name, r.to_key) for r in references]).decode()
        mark = self.drifts.mark()
        await self._db.write(
            "tied",
            [
                (
                    "UPDATE reference SET done = 1 WHERE entity = ?1 AND (key, name, to_key) IN "
                    "(SELECT value->>0, value->>1, value->>2 FROM json_each(?2))",
                    (entity, packed),
                ),
                (SOIL_THESE, (entity, mark, packed)),
            ],
        )
        self.drifts.kept(mark)

    async def loose_references(self) -> dict[int, int]:
        """References not tied yet, by wave."""
        return dict(await self._db.read("SELECT wave, n FROM loose WHERE n <> 0"))
