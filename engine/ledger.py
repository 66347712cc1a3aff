"""The ledger: every record's fate, durable before it is acknowledged. It and its parts alone speak SQL.

Rows travel as one JSON text a statement, unpacked by SQLite itself: a chunk is then one call that holds no
interpreter lock, where `executemany` would take the lock once a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import orjson

from engine.chunks import Chunks
from engine.clock import Clock
from engine.database import Connect, Database, Statement, Witness
from engine.defects import Defects
from engine.drifts import SOIL, Drifts
from engine.errors import LedgerError
from engine.images import Images
from engine.model import Bucket, Entry, Intent, SetAside
from engine.references import References
from engine.undos import Undos

SCHEMA_VERSION = 9
_WITH_ASIDE = 2  # a chunk that is done, of which records were set aside

_UPSERT_ENTRIES = """
INSERT INTO entry (entity, key, wave, bucket, target, version, print)
SELECT ?1, value->>0, ?2, value->>1, value->>2, value->>3, value->>4 FROM json_each(?3) WHERE true
ON CONFLICT (entity, key) DO UPDATE
SET wave = excluded.wave, bucket = excluded.bucket, target = excluded.target,
    version = excluded.version, print = excluded.print
"""
_NAME_CAUSES = "INSERT OR IGNORE INTO cause (text) SELECT DISTINCT value->>1 FROM json_each(?1)"
_UPSERT_ASIDE = """
INSERT INTO aside (entity, key, wave, cause, field, parent, since)
SELECT ?1, value->>0, ?2, (SELECT id FROM cause WHERE text = value->>1), value->>2, value->>3, ?4
FROM json_each(?3) WHERE true
ON CONFLICT (entity, key) DO UPDATE
SET wave = excluded.wave, cause = excluded.cause, field = excluded.field, tries = tries + 1
"""


class OpenChunk(NamedTuple):
    id: int
    span: str


class Ledger(References):
    """Verbs write (each is one durable point, named like the verb); the rest reads."""

    def __init__(
        self, path: Path, clock: Clock, witness: Witness | None = None, connect: Connect | None = None
    ) -> None:
        super().__init__(Database(path, witness, connect), clock)
        self.drifts = Drifts(self._db, clock)
        self.undo = Undos(self._db, clock, self.drifts)
        self.defects = Defects(self._db)
        self.images = Images(self._db)
        self._entities: dict[str, int] = {}
        self._chunks: dict[tuple[int, int], Chunks] = {}  # as they are on disk

    async def open(self) -> None:
        await self._db.open()
        found = (await self._db.read("PRAGMA user_version"))[0][0]
        if found < SCHEMA_VERSION:  # a new one, or one of an earlier version: what it lacks is added
            parts = re.split(r"-- Version \d+ adds\n", resources.files("engine").joinpath("schema.sql").read_text())
            lacking = "".join(parts[found:])
            await self._db.script(f"BEGIN; {lacking} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif found != SCHEMA_VERSION:
            await self._db.close()
            raise LedgerError(
                f"The ledger {self._db.path.name} was written by another version of cutover (schema {found}, this one "
                f"knows {SCHEMA_VERSION}). Run that version, or start a new migration folder."
            )
        self._entities = dict(await self._db.read("SELECT name, id FROM entity"))
        await self._learn_chunks()
        await self.drifts.learn()

    async def close(self) -> None:
        await self._db.close()

    async def entity(self, name: str) -> int:
        """The number of this entity, given once and for all."""
        if name not in self._entities:
            await self._db.write("entity", [("INSERT OR IGNORE INTO entity (name) VALUES (?)", (name,))])
            self._entities = dict(await self._db.read("SELECT name, id FROM entity"))
        return self._entities[name]

    # ------------------------------------------------------------ reading: lanes, chunks, feeds

    async def open_lanes(self, wave: int, entity: int, spans: Sequence[str], position: str) -> None:
        """Where reading starts and from where changes count, in one step: nothing can fall between."""
        rows: list[Statement] = [
            ("INSERT OR IGNORE INTO lane VALUES (?, ?, ?, ?)", (wave, entity, lane, span))
            for lane, span in enumerate(spans)
        ]
        rows.append(("INSERT OR IGNORE INTO feed VALUES (?, ?, ?)", (wave, entity, position)))
        await self._db.write("open_lanes", rows)

    async def lanes(self, wave: int, entity: int) -> dict[int, str | None]:
        """What is left to read, by lane; empty when the wave never began this entity."""
        return dict(await self._db.read("SELECT lane, rest FROM lane WHERE wave = ? AND entity = ?", (wave, entity)))

    async def _learn_chunks(self) -> None:
        """Once: from here on nobody else writes them."""
        rows = await self._db.read("SELECT wave, entity, span, records, done FROM chunk ORDER BY id")
        for wave, entity, span, records, done in rows:
            chunks = self.chunks_of(wave, entity)
            chunks.open(span, records)
            if done:
                chunks.close(span, aside=done == _WITH_ASIDE)

    async def open_chunk(self, wave: int, entity: int, lane: int, span: str, rest: str | None, records: int) -> None:
        await self._db.write(
            "open_chunk",
            [
                (
                    "INSERT INTO chunk (wave, entity, span, records, done) VALUES (?, ?, ?, ?, ?)",
                    (wave, entity, span, records, int(records == 0)),
                ),
                ("UPDATE lane SET rest = ? WHERE wave = ? AND entity = ? AND lane = ?", (rest, wave, entity, lane)),
            ],
        )
        chunks = self.chunks_of(wave, entity)
        chunks.open(span, records)
        if not records:
            chunks.close(span, aside=False)

    async def open_chunks(self, wave: int, entity: int) -> list[OpenChunk]:
        rows = await self._db.read(
            "SELECT id, span FROM chunk WHERE wave = ? AND entity = ? AND done = 0 ORDER BY id", (wave, entity)
        )
        return [OpenChunk(*row) for row in rows]

    async def close_chunk(self, wave: int, entity: int, span: str, *, aside: bool = False) -> None:
        """All of it is settled; `aside`: some of it was set aside."""
        await self._db.write(
            "close_chunk",
            [
                (
                    "UPDATE chunk SET done = ? WHERE wave = ? AND entity = ? AND done = 0 AND span = ?",
                    (_WITH_ASIDE if aside else 1, wave, entity, span),
                )
            ],
        )
        self.chunks_of(wave, entity).close(span, aside=aside)

    def chunks_of(self, wave: int, entity: int) -> Chunks:
        """What is known of these chunks, without a look at the disk."""
        return self._chunks.setdefault((wave, entity), Chunks())

    def forget_chunks(self, wave: int) -> None:
        """The wave was rolled back: it has none any more."""
        self._chunks = {slot: chunks for slot, chunks in self._chunks.items() if slot[0] != wave}

    def chunks(self, wave: int) -> tuple[int, int]:
        """(done, opened) chunks of a wave."""
        own = [chunks for (whose, _), chunks in self._chunks.items() if whose == wave]
        return sum(chunks.done for chunks in own), sum(chunks.opened for chunks in own)

    async def position(self, wave: int, entity: int) -> str | None:
        rows = await self._db.read("SELECT position FROM feed WHERE wave = ? AND entity = ?", (wave, entity))
        return rows[0][0] if rows else None

    async def advance(self, wave: int, entity: int, position: str) -> None:
        await self._db.write(
            "advance", [("UPDATE feed SET position = ? WHERE wave = ? AND entity = ?", (position, wave, entity))]
        )

    # ------------------------------------------------------------ entries

    async def known(self, entity: int, keys: Sequence[str]) -> dict[str, Entry]:
        """What the ledger has about these keys."""
        rows = await self._db.read(
            "SELECT key, bucket, target, version, print, wave FROM entry "
            "WHERE entity = ? AND key IN (SELECT value FROM json_each(?))",
            (entity, orjson.dumps(keys).decode()),
        )
        return {row[0]: Entry(row[0], Bucket(row[1]), *row[2:]) for row in rows}

    async def intend(self, wave: int, entity: int, keys: Sequence[tuple[str, str]], mark: str) -> Intent:
        """About to create these (key, target id of what it hangs on): durable before the call goes out."""
        sent = self._now()
        number = self._intent_number()
        await self._db.write(
            "intend",
            [
                (
                    "INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?)",
                    (number, wave, entity, mark, sent, orjson.dumps(keys).decode()),
                )
            ],
        )
        return Intent("", mark, sent, number)

    async def changing(self, entity: int, stamps: Sequence[tuple[str, str, str]]) -> None:
        """(key, version, fingerprint) of entries as they stand from here on. `CHANGING`: about to be changed to this
        version at the target; nobody knows what that shows, until they are settled."""
        statement = (
            "UPDATE entry SET version = j.value->>1, print = j.value->>2 FROM json_each(?) j "
            "WHERE entity = ? AND entry.key = j.value->>0"
        )
        await self._db.write("changing", [(statement, (orjson.dumps(stamps).decode(), entity))])

    async def in_change(self, wave: int, entity: int) -> list[str]:
        """Keys of those of which nobody knows whether they were changed."""
        rows = await self._db.read(
            "SELECT key FROM entry WHERE wave = ? AND entity = ? AND print = '?'", (wave, entity)
        )
        return [row[0] for row in rows]

    async def settle(
        self,
        wave: int,
        entity: int,
        entries: Iterable[Entry],
        aside: Iterable[SetAside] = (),
        *,
        references: Iterable[tuple[str, str, int, str]] = (),
        replace_references: bool = False,
        soils: tuple[int, Sequence[str]] | None = None,
        intent: int | None = None,
        in_doubt: Sequence[tuple[str, str]] = (),
        bucket: Bucket = Bucket.QUARANTINED,
        point: str = "settle",
    ) -> None:
        """What became of records: entries as they are now, records set aside, and the intent that this answers.

        `references` are (key, name, to_entity, to_key); with `replace_references` these entries have no others.
        `soils` are (entity, keys) of the records that are to be compared for it; None: those that are synced now.
        `in_doubt` are the keys of the intent that still have no answer: the intent stays for these.
        """
        rows = [(e.key, int(e.bucket), e.target, e.version, e.print) for e in entries]
        set_aside = list(aside)
        statements: list[Statement] = []
        if rows:
            statements.append((_UPSERT_ENTRIES, (entity, wave, orjson.dumps(rows).decode())))
        if set_aside:
            kept = orjson.dumps([(s.key, int(bucket), s.target, s.version, "") for s in set_aside]).decode()
            causes = orjson.dumps([(s.key, s.cause, s.field, s.parent) for s in set_aside]).decode()
            statements.append((_UPSERT_ENTRIES, (entity, wave, kept)))
            statements.append((_NAME_CAUSES, (causes,)))
            statements.append((_UPSERT_ASIDE, (entity, wave, causes, self._now())))
        references = list(references)
        if replace_references and rows:
            statements.append(self._forget_references(entity, [row[0] for row in rows], references))
        statements += [
            (
                "INSERT OR IGNORE INTO reference (entity, key, name, to_entity, to_key, wave) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (entity, key, name, to_entity, to_key, wave),
            )
            for key, name, to_entity, to_key in references
        ]
        if intent is not None:
            statements.append(self._answer(intent, in_doubt))
        of, keys = soils or (entity, [row[0] for row in rows if row[1] == Bucket.SYNCED])
        mark = self.drifts.mark()
        if keys:
            statements.append((SOIL, (wave, of, mark, orjson.dumps(keys).decode())))
        if statements:
            await self._db.write(point, statements)
        self.drifts.kept(mark)

    async def intents(self, entity: int, wave: int | None = None) -> dict[str, Intent]:
        """Creates that went out and were never answered, by key: of all waves, or of one. The first of a key counts."""
        rows = await self._db.read(
            "SELECT j.value->>0, mark, sent, intent.id, j.value->>1 FROM intent, json_each(intent.keys) j "
            "WHERE entity = ?1 AND ?2 IN (wave, 0) ORDER BY intent.id DESC",
            (entity, wave or 0),
        )
        return {row[0]: Intent(*row) for row in rows}

    async def drop_intents(self, wave: int, entity: int, numbers: Iterable[int]) -> None:
        """These have been resolved: each of their keys has an entry or is certainly absent."""
        rows = [
            ("DELETE FROM intent WHERE id = ? AND wave = ? AND entity = ?", (number, wave, entity))
            for number in numbers
        ]
        await self._db.write("drop_intents", rows)

    async def overlap(self, wave: int, entity: int, keys: Sequence[str]) -> None:
        """In this wave's scope, but an earlier wave has moved them."""
        await self._db.write(
            "overlap",
            [
                (
                    "INSERT OR IGNORE INTO overlap SELECT ?, ?, value FROM json_each(?)",
                    (wave, entity, orjson.dumps(keys).decode()),
                )
            ],
        )

    async def overlaps(self, wave: int, entity: int, after: str, limit: int) -> list[str]:
        """Keys in this wave's scope that another wave moved, in order."""
        rows = await self._db.read(
            "SELECT key FROM overlap WHERE wave = ? AND entity = ? AND key > ? ORDER BY key LIMIT ?",
            (wave, entity, after, limit),
        )
        return [row[0] for row in rows]

    async def let_go(self, wave: int, entity: int) -> list[str]:
        """Keys in this wave's scope that another wave moved, and that left that one's scope or were rolled back."""
        rows = await self._db.read(
            "SELECT o.key FROM overlap o LEFT JOIN entry e ON e.entity = o.entity AND e.key = o.key "
            "WHERE o.wave = ? AND o.entity = ? AND (e.key IS NULL OR e.bucket = 8) ORDER BY o.key",
            (wave, entity),
        )
        return [row[0] for row in rows]

    async def drop_overlaps(self, wave: int, entity: int, keys: Sequence[str]) -> None:
        """These are in the wave's scope no more."""
        packed = orjson.dumps(keys).decode()
        await self._db.write(
            "drop_overlaps",
            [
                (
                    "DELETE FROM overlap WHERE wave = ? AND entity = ? AND key IN (SELECT value FROM json_each(?))",
                    (wave, entity, packed),
                )
            ],
        )

    async def parents(self, wave: int, entity: int, after: str, limit: int) -> dict[str, str]:
        """{key: target id} of this wave's finished records in key order: what comments and attachments hang on."""
        rows = await self._db.read(
            "SELECT key, target FROM entry WHERE entity = ? AND key > ? AND wave = ? AND bucket = 1 "
            "ORDER BY key LIMIT ?",
            (entity, after, wave, limit),
        )
        return dict(rows)

    async def unfinished(self, wave: int, entity: int) -> list[str]:
        """Keys of records that exist at the target and are not finished, or perhaps not as the ledger says."""
        rows = await self._db.read(
            "SELECT key FROM entry WHERE wave = ? AND entity = ? AND bucket = ? AND bucket <> 1",
            (wave, entity, int(Bucket.IN_FLIGHT)),
        )
        return list({row[0]: None for row in rows} | dict.fromkeys(await self.in_change(wave, entity)))

    async def keys(self, wave: int, entity: int, after: str, limit: int) -> list[str]:
        """Keys of this wave's entries in order, for a sweep against the source."""
        rows = await self._db.read(
            "SELECT key FROM entry WHERE entity = ? AND key > ? AND wave = ? AND bucket <> 8 ORDER BY key LIMIT ?",
            (entity, after, wave, limit),
        )
        return [row[0] for row in rows]

    async def entries(self, wave: int, entity: int, after: str, limit: int) -> list[Entry]:
        """This wave's entries in order of their keys, all buckets."""
        rows = await self._db.read(
            "SELECT key, bucket, target, version, print, wave FROM entry "
            "WHERE entity = ? AND key > ? AND wave = ? ORDER BY key LIMIT ?",
            (entity, after, wave, limit),
        )
        return [Entry(row[0], Bucket(row[1]), *row[2:]) for row in rows]

    # ------------------------------------------------------------ sums

    async def tally(self) -> dict[tuple[int, int], dict[Bucket, int]]:
        """Records by (wave, entity) and bucket."""
        sums: dict[tuple[int, int], dict[Bucket, int]] = {}
        for wave, entity, bucket, n in await self._db.read("SELECT wave, entity, bucket, n FROM tally WHERE n <> 0"):
            sums.setdefault((wave, entity), {})[Bucket(bucket)] = n
        return sums

    async def unanswered(self) -> dict[tuple[int, int], int]:
        """Records in intents that wait for an answer, by (wave, entity)."""
        rows = await self._db.read(
            "SELECT wave, entity, sum(json_array_length(keys)) FROM intent GROUP BY wave, entity"
        )
        return {(wave, entity): n for wave, entity, n in rows}

    # ------------------------------------------------------------ inside

    def _intent_number(self) -> int:
        # Not SQLite's own: with commits shared by many, last_insert_rowid belongs to whoever came last.
        return int.from_bytes(self._clock.secret(7), "big")

    def _forget_references(
        self, entity: int, keys: Sequence[str], kept: Sequence[tuple[str, str, int, str]]
    ) -> Statement:
        return (
            "DELETE FROM reference WHERE entity = ?1 AND key IN (SELECT value FROM json_each(?2)) "
            "AND (key, name, to_key) NOT IN (SELECT value->>0, value->>1, value->>3 FROM json_each(?3))",
            (entity, orjson.dumps(keys).decode(), orjson.dumps(kept).decode()),
        )

    def _answer(self, intent: int, in_doubt: Sequence[tuple[str, str]]) -> Statement:
        if in_doubt:
            return "UPDATE intent SET keys = ? WHERE id = ?", (orjson.dumps(in_doubt).decode(), intent)
        return "DELETE FROM intent WHERE id = ?", (intent,)
