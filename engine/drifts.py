"""What is still to be compared, what differs, and how far a comparison is. A part of the ledger: keys, never values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from engine.clock import Clock
from engine.compare import EXTERNAL_ID, Difference, Kind
from engine.database import Database, Statement
from engine.model import Bucket, Entry

SOIL = "INSERT OR REPLACE INTO dirty SELECT ?1, ?2, value, ?3 FROM json_each(?4)"
"""Of (wave, entity, mark, JSON list of keys): something was written to these."""

SOIL_THESE = """
INSERT OR REPLACE INTO dirty
SELECT e.wave, e.entity, e.key, ?2 FROM (SELECT DISTINCT value->>0 AS key FROM json_each(?3)) j
CROSS JOIN entry e ON e.entity = ?1 AND e.key = j.key WHERE e.bucket IN (1, 2)
"""
"""Of (entity, mark, JSON list of rows that begin with a key): the same, whatever wave they are of."""

SOIL_ANY = """
INSERT OR REPLACE INTO dirty SELECT e.wave, e.entity, e.key, ?1 FROM json_each(?2) j
CROSS JOIN entry e ON e.entity = j.value->>0 AND e.key = j.value->>1 WHERE e.bucket IN (1, 2)
"""
"""Of (mark, JSON list of rows that begin with an entity and a key): the same, of any entity."""

_CLEAN = """
DELETE FROM dirty WHERE wave = ?1 AND entity = ?2 AND mark <= ?3 AND key IN (SELECT value FROM json_each(?4))
"""

_KEEP = """
INSERT OR REPLACE INTO drift (entity, key, kind, field, wave, target, root, by, at, home, found)
SELECT entity.id, j.value->>1, j.value->>2, j.value->>3, ?2, j.value->>4, j.value->>5, j.value->>6, j.value->>7,
j.value->>8, ?3 FROM json_each(?1) j JOIN entity ON entity.name = j.value->>0
"""
"""Of (JSON list of differences, wave, now)."""

_KEEP_OF_DONE = _KEEP + (
    "CROSS JOIN entry e ON e.entity = j.value->>8 AND e.key = j.value->>5 AND e.wave = ?2 AND e.bucket IN (1, 2)"
)
"""The same, of records that were not set aside meanwhile, nor went to another wave."""


class Kept(NamedTuple):
    """A difference as the ledger keeps it."""

    difference: Difference
    wave: str
    found: str


class Tied(NamedTuple):
    """A reference that the second pass has tied."""

    key: str
    name: str
    to_key: str
    target: str
    to_target: str


class Opened(NamedTuple):
    """An entry that is to be sent again: created (`target` ""), adopted under another id, or (None) as it is."""

    entity: int
    key: str
    target: str | None
    again: bool  # its fields are written, whatever the fingerprint says
    lasting: bool  # it is in flight from here on


class Walk(NamedTuple):
    """A comparison: what of, and where it is."""

    wave: str
    scope: str  # dirty | sample | full
    by: str
    started: str
    ended: str
    entity: int
    after: str
    compared: int
    total: int
    outcome: str


class Drifts:
    """Verbs write (each is one durable point); the rest reads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._mark = 0  # given last
        self.durable = 0  # whoever reads from here on sees every write up to this mark

    # ------------------------------------------------------------ what is written

    async def learn(self) -> None:
        """Once: marks go on from the highest there is."""
        self._mark = self.durable = (await self._db.read("SELECT coalesce(max(mark), 0) FROM dirty"))[0][0]

    def mark(self) -> int:
        """For a write that is handed to the database at once: marks are durable in their order."""
        self._mark += 1
        return self._mark

    def kept(self, mark: int) -> None:
        """The write with this mark is durable."""
        self.durable = max(self.durable, mark)

    # ------------------------------------------------------------ what to compare

    async def dirty(self, wave: int, entity: int, after: str, limit: int) -> list[Entry]:
        """Synced entries of the wave that were not found equal since they were written, in order of their keys."""
        rows = await self._db.read(
            "SELECT e.key, e.bucket, e.target, e.version, e.print, e.wave FROM dirty d "
            "CROSS JOIN entry e ON e.entity = d.entity AND e.key = d.key "
            "WHERE d.wave = ? AND d.entity = ? AND d.key > ? AND e.bucket = 1 AND e.wave = d.wave "
            "ORDER BY d.key LIMIT ?",
            (wave, entity, after, limit),
        )
        return [_entry(row) for row in rows]

    async def dirty_count(self, wave: int, entity: int) -> int:
        rows = await self._db.read("SELECT count(*) FROM dirty WHERE wave = ? AND entity = ?", (wave, entity))
        return int(rows[0][0])

    async def target_count(self, entity: int) -> int:
        """Records that the ledger knows at the target, of every wave. Goes through all of them."""
        rows = await self._db.read("SELECT count(*) FROM entry WHERE entity = ? AND target <> ''", (entity,))
        return int(rows[0][0])

    async def fewer(self, entities: Sequence[int]) -> int:
        """Records known to be gone from the target, or to carry no id of ours there."""
        rows = await self._db.read(
            "SELECT count(*) FROM drift WHERE entity IN (SELECT value FROM json_each(?)) AND entity = home "
            "AND ((kind = ? AND field = '') OR field = ?)",
            (orjson.dumps(entities).decode(), str(Kind.MISSING), EXTERNAL_ID),
        )
        return int(rows[0][0])

    async def synced(self, wave: int, entity: int, after: str, limit: int, *, skip: int = 0) -> list[Entry]:
        """Synced entries of the wave in order of their keys, from the one that comes `skip` after `after`."""
        rows = await self._db.read(
            "SELECT key, bucket, target, version, print, wave FROM entry "
            "WHERE entity = ? AND key > ? AND wave = ? AND bucket = 1 "
            "ORDER BY key LIMIT ? OFFSET ?",
            (entity, after, wave, limit, skip),
        )
        return [_entry(row) for row in rows]

    async def targets(self, entity: int, after: str, limit: int) -> list[tuple[str, str]]:
        """(key, id at the target) of all that the ledger knows there, of every wave, in order of the keys."""
        rows = await self._db.read(
            "SELECT key, target FROM entry WHERE entity = ? AND key > ? AND target <> '' ORDER BY key LIMIT ?",
            (entity, after, limit),
        )
        return [(row[0], row[1]) for row in rows]

    async def ties(self, entity: int, keys: Sequence[str]) -> list[Tied]:
        """References of these records that were tied."""
        rows = await self._db.read(
            "SELECT r.key, r.name, r.to_key, a.target, b.target FROM json_each(?2) j "
            "JOIN reference r ON r.entity = ?1 AND r.key = j.value "
            "JOIN entry a ON a.entity = r.entity AND a.key = r.key "
            "JOIN entry b ON b.entity = r.to_entity AND b.key = r.to_key "
            "WHERE r.done = 1 AND a.target <> '' AND b.target <> ''",
            (entity, orjson.dumps(keys).decode()),
        )
        return [Tied(*row) for row in rows]

    # ------------------------------------------------------------ what was found

    async def found(
        self,
        wave: int,
        entity: int,
        equal: Sequence[str],
        looked_at: Sequence[str],
        differences: Sequence[Difference] = (),
        *,
        until: int = 0,
    ) -> None:
        """`equal`: keys of records; what was written to them after the mark `until` is still to be compared.

        `looked_at` (keys of records) have these `differences` and no others, on themselves or on what hangs on them.
        Those that were set aside meanwhile, or went to another wave, have none.
        """
        mark = self.mark()
        statements: list[Statement] = []
        if equal:
            packed = orjson.dumps(equal).decode()
            statements.append((_CLEAN, (wave, entity, until, packed)))
        if looked_at:
            packed = orjson.dumps(looked_at).decode()
            statements.append(
                ("DELETE FROM drift WHERE home = ? AND root IN (SELECT value FROM json_each(?))", (entity, packed))
            )
        if differences:
            statements += self._keep(wave, entity, differences, mark, _KEEP_OF_DONE)
        if statements:
            await self._db.write("compared", statements)
        self.kept(mark)

    def _keep(
        self, wave: int, home: int, differences: Sequence[Difference], mark: int, statement: str = _KEEP
    ) -> list[Statement]:
        packed = orjson.dumps(
            [(d.flow, d.key, str(d.kind), d.field, d.target, d.root, d.by, d.at, home) for d in differences]
        ).decode()
        doubtful = orjson.dumps([[root] for root in sorted({d.root for d in differences})]).decode()
        return [
            (statement, (packed, wave, self._now())),
            (SOIL_THESE, (home, mark, doubtful)),
        ]

    async def extras(self, wave: int, home: int, kinds: Sequence[Kind], differences: Sequence[Difference]) -> None:
        """A census found these of these kinds, and no others."""
        words = orjson.dumps([str(kind) for kind in kinds]).decode()
        mark = self.mark()
        statements: list[Statement] = [
            (
                "DELETE FROM drift WHERE wave = ? AND home = ? AND entity = home "
                "AND kind IN (SELECT value FROM json_each(?))",
                (wave, home, words),
            )
        ]
        if differences:
            statements += self._keep(wave, home, differences, mark)
        await self._db.write("compared", statements)
        self.kept(mark)

    async def list(self, *, wave: str = "", keys: Sequence[str] = (), limit: int = 10_000) -> list[Kept]:
        rows = await self._db.read(
            "SELECT entity.name, d.key, d.kind, d.field, d.target, d.root, d.by, d.at, wave.name, d.found FROM drift d "
            "JOIN entity ON entity.id = d.entity JOIN wave ON wave.id = d.wave WHERE (?1 = '' OR wave.name = ?1) "
            "AND (?2 = '[]' OR d.key IN (SELECT value FROM json_each(?2))) ORDER BY d.kind, d.entity, d.key, d.field "
            "LIMIT ?3",
            (wave, orjson.dumps(keys).decode(), limit),
        )
        return [Kept(Difference(r[0], r[1], Kind(r[2]), *r[3:8]), r[8], r[9]) for r in rows]

    async def counts(self) -> dict[str, dict[Kind, int]]:
        """Differences by wave and kind. A record that differs in two fields counts once."""
        rows = await self._db.read(
            "SELECT wave.name, d.kind, count(DISTINCT d.entity || ':' || d.key) FROM drift d "
            "JOIN wave ON wave.id = d.wave GROUP BY d.wave, d.kind"
        )
        found: dict[str, dict[Kind, int]] = {}
        for wave, kind, n in rows:
            found.setdefault(wave, {})[Kind(kind)] = n
        return found

    async def by_wave(self) -> dict[str, int]:
        """Records that differ, by wave; waves of which nothing was compared yet are left out."""
        compared = await self._db.read("SELECT substr(name, 7) FROM meta WHERE name >= 'drift:' AND name < 'drift;'")
        found = await self._db.read(
            "SELECT wave.name, count(*) FROM (SELECT DISTINCT wave, entity, key FROM drift) d "
            "JOIN wave ON wave.id = d.wave GROUP BY d.wave"
        )
        return {name: 0 for (name,) in compared} | dict(found)

    async def reopen(
        self, opened: Sequence[Opened], ties: Sequence[tuple[int, str, str, str]], by: str, wave: str, detail: str
    ) -> None:
        """These are to be sent again, and these references (entity, key, name, to_key; "" is any) tied again."""
        entries = orjson.dumps([tuple(one) for one in opened]).decode()
        exact = orjson.dumps([tie for tie in ties if tie[2]]).decode()
        whole = orjson.dumps([(entity, key) for entity, key, name, _ in ties if not name]).decode()
        mark = self.mark()
        await self._db.write(
            "reopen",
            [
                (
                    "UPDATE entry SET target = coalesce(j.value->>2, target), "
                    "print = CASE WHEN j.value->>3 THEN '' ELSE print END, "
                    "bucket = CASE WHEN j.value->>4 THEN 2 ELSE bucket END "
                    "FROM json_each(?) j WHERE entry.entity = j.value->>0 AND entry.key = j.value->>1 AND bucket = 1",
                    (entries,),
                ),
                (SOIL_ANY, (mark, entries)),
                (
                    "UPDATE reference SET done = 0 FROM json_each(?) j WHERE reference.entity = j.value->>0 "
                    "AND reference.key = j.value->>1 AND reference.name = j.value->>2 AND done = 1 "
                    "AND (j.value->>3 = '' OR reference.to_key = j.value->>3)",
                    (exact,),
                ),
                # References are looked for from their other end only here and in a rollback.
                ("CREATE INDEX IF NOT EXISTS undo_tie ON reference (to_entity, to_key)", ()),
                (
                    "UPDATE reference SET done = 0 FROM json_each(?) j WHERE done = 1 "
                    "AND reference.entity = j.value->>0 AND reference.key = j.value->>1",
                    (whole,),
                ),
                (
                    "UPDATE reference SET done = 0 FROM json_each(?) j WHERE done = 1 "
                    "AND reference.to_entity = j.value->>0 AND reference.to_key = j.value->>1",
                    (whole,),
                ),
                (
                    "INSERT INTO event (at, by, what, wave, detail) VALUES (?, ?, 'repair', ?, ?)",
                    (self._now(), by, wave, detail),
                ),
            ],
        )
        self.kept(mark)

    # ------------------------------------------------------------ a comparison that somebody asked for

    async def begin(self, wave: str, scope: str, by: str, total: int) -> Walk:
        """One that was cut off goes on where it was, if it was of the same scope."""
        await self._db.write(
            "compare_begin",
            [
                (
                    "DELETE FROM walk WHERE wave = (SELECT id FROM wave WHERE name = ?) "
                    "AND (scope <> ? OR ended <> '')",
                    (wave, scope),
                ),
                (
                    "INSERT OR IGNORE INTO walk SELECT id, ?, ?, ?, '', 0, '', 0, ?, '' FROM wave WHERE name = ?",
                    (scope, by, self._now(), total, wave),
                ),
                ("UPDATE walk SET outcome = '' WHERE wave = (SELECT id FROM wave WHERE name = ?)", (wave,)),
            ],
        )
        return (await self.walks())[wave]

    async def at(self, wave: int, entity: int, after: str, compared: int) -> None:
        await self._db.write(
            "compare_at",
            [("UPDATE walk SET entity = ?, after = ?, compared = ? WHERE wave = ?", (entity, after, compared, wave))],
        )

    async def end(self, wave: int, outcome: str, *, done: bool) -> None:
        """`done`: there is nothing left to go on with."""
        await self._db.write(
            "compare_end",
            [("UPDATE walk SET outcome = ?, ended = ? WHERE wave = ?", (outcome, self._now() if done else "", wave))],
        )

    async def walks(self) -> dict[str, Walk]:
        """The newest comparison of each wave that somebody asked for."""
        rows = await self._db.read(
            "SELECT wave.name, scope, by, walk.started, walk.ended, entity, after, compared, total, outcome "
            "FROM walk JOIN wave ON wave.id = walk.wave"
        )
        return {row[0]: Walk(*row) for row in rows}

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(row[0], Bucket(row[1]), *row[2:])
