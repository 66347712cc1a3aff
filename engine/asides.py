"""What is set aside: records with a cause, and a person's word about them. A part of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from engine.database import Statement
from engine.logbook import Logbook
from engine.model import Bucket

_CAUSE_ANEW = """
UPDATE aside SET cause = (SELECT id FROM cause WHERE text = ?2), field = '', since = ?3
FROM json_each(?1) j JOIN entity ON entity.name = j.value->>0
JOIN entry ON entry.entity = entity.id AND entry.key = j.value->>1 AND entry.bucket = j.value->>2
WHERE aside.entity = entry.entity AND aside.key = entry.key
"""
_BUCKET_ANEW = """
UPDATE entry SET bucket = ?2 FROM json_each(?1) j JOIN entity ON entity.name = j.value->>0
WHERE entry.entity = entity.id AND entry.key = j.value->>1 AND entry.bucket = j.value->>2
"""


class AsideRow(NamedTuple):
    entity: str
    key: str
    wave: str
    bucket: Bucket
    cause: str
    field: str
    since: str
    tries: int
    target: str
    parent: str


class Asides(Logbook):
    """Verbs write (each is one durable point, named like the verb); the rest reads."""

    async def decide(
        self, records: Sequence[AsideRow], bucket: Bucket, cause: str, *, by: str, what: str, notes: Mapping[str, str]
    ) -> None:
        """A person's word about records that are set aside: they go to this bucket with this cause.

        `notes`: {wave: its line of the audit trail}. A record that has left its bucket meanwhile stays where it is.
        """
        now = self._now()
        packed = orjson.dumps([(row.entity, row.key, int(row.bucket)) for row in records]).decode()
        statements: list[Statement] = [
            ("INSERT OR IGNORE INTO cause (text) VALUES (?)", (cause,)),
            (_CAUSE_ANEW, (packed, cause, now)),
            (_BUCKET_ANEW, (packed, int(bucket))),
        ]
        statements += [self._event(by, what, wave, detail, now) for wave, detail in notes.items()]
        await self._db.write("decide", statements)

    async def aside(
        self, *, wave: str = "", cause: str = "", keys: Sequence[str] = (), limit: int = 1000
    ) -> list[AsideRow]:
        rows = await self._db.read(
            "SELECT entity.name, aside.key, wave.name, entry.bucket, cause.text, aside.field, "
            "aside.since, aside.tries, entry.target, aside.parent FROM aside JOIN entry USING (entity, key) "
            "JOIN cause ON cause.id = aside.cause JOIN entity ON entity.id = aside.entity "
            "JOIN wave ON wave.id = aside.wave "
            "WHERE entry.bucket <> 1 AND (?1 = '' OR wave.name = ?1) AND (?2 = '' OR cause.text = ?2) "
            "AND (?3 = '[]' OR aside.key IN (SELECT value FROM json_each(?3))) "
            "ORDER BY cause.text, aside.entity, aside.key LIMIT ?4",
            (wave, cause, orjson.dumps(keys).decode(), limit),
        )
        return [AsideRow(r[0], r[1], r[2], Bucket(r[3]), *r[4:]) for r in rows]

    async def causes(self) -> list[tuple[str, str, str, str, int]]:
        """(bucket word, wave, cause, field, records) of everything set aside, largest first."""
        rows = await self._db.read(
            "SELECT entry.bucket, wave.name, cause.text, aside.field, count(*) FROM aside "
            "JOIN entry USING (entity, key) JOIN cause ON cause.id = aside.cause "
            "JOIN wave ON wave.id = aside.wave WHERE entry.bucket <> 1 "
            "GROUP BY entry.bucket, wave.id, aside.cause, aside.field ORDER BY count(*) DESC"
        )
        return [(Bucket(r[0]).word, *r[1:]) for r in rows]

    async def worst_causes(self, wave: int, limit: int) -> list[tuple[str, str, int, str, str]]:
        """(cause, field, records, since when the newest, key of one) of what is set aside of a wave, most first."""
        rows = await self._db.read(
            "SELECT cause.text, a.field, count(*), max(a.since), a.key FROM aside a JOIN cause ON cause.id = a.cause "
            "WHERE a.wave = ? GROUP BY a.cause, a.field ORDER BY count(*) DESC, cause.text LIMIT ?",
            (wave, limit),
        )
        return [(r[0], r[1], r[2], r[3], r[4]) for r in rows]
