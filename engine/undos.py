"""How far the rollback of a wave is, and what it makes of the wave's entries. A part of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from engine.clock import Clock
from engine.database import Database, Statement
from engine.drifts import SOIL_ANY, Drifts
from engine.logbook import SAME, WaveRow
from engine.model import STALE, WaveState

Done = dict[str, dict[str, int]]
"""Records by entity and what became of them."""


class Saga(NamedTuple):
    """A rollback: who, since when, and where it is."""

    by: str
    despite: str
    started: str
    ended: str
    stage: int  # 0: creates without an answer are looked up; then the passes, from 1
    entity: int
    after: str
    batch: dict[str, list[str]]  # {number of an entity: keys} that are being undone at this moment
    done: Done


class Tied(NamedTuple):
    """A reference whose both ends exist at the target, tied or about to be."""

    entity: int
    key: str
    name: str
    to_entity: int
    to_key: str
    target: str
    to_target: str
    wave: int  # of the record that refers


class Again(NamedTuple):
    """What is carried again although it is done: {number of an entity: keys; None: all}."""

    records: dict[int, list[str] | None]
    children: dict[int, list[str] | None]


class Undos:
    """Verbs write (each is one durable point); the rest reads."""

    def __init__(self, database: Database, clock: Clock, drifts: Drifts) -> None:
        self._db = database
        self._clock = clock
        self._drifts = drifts

    # ------------------------------------------------------------ the saga

    async def begin(self, wave: str, number: int, by: str, despite: str, *, stage: int, detail: str) -> None:
        """From here on the wave is being rolled back, until `end`. One that was cut off goes on where it was."""
        now = self._now()
        await self._db.write(
            "undo_begin",
            [
                ("DELETE FROM rollback WHERE ended <> '' AND wave = ?", (number,)),
                (
                    "INSERT OR IGNORE INTO rollback VALUES (?, ?, ?, ?, '', ?, 0, '', '', '{}')",
                    (number, by, despite, now, stage),
                ),
                ("UPDATE wave SET state = ?, cause = '' WHERE name = ?", (WaveState.ROLLING_BACK, wave)),
                self._event(by, "rollback", wave, detail, now),
                # Records are looked for from the other side only here: loading must not pay for it.
                ("CREATE INDEX IF NOT EXISTS undo_target ON entry (entity, target)", ()),
                ("CREATE INDEX IF NOT EXISTS undo_tie ON reference (to_entity, to_key)", ()),
            ],
        )

    async def saga(self, wave: int) -> Saga | None:
        rows = await self._db.read(
            "SELECT by, despite, started, ended, pass, entity, after, batch, done FROM rollback WHERE wave = ?", (wave,)
        )
        if not rows:
            return None
        by, despite, started, ended, stage, entity, after, batch, done = rows[0]
        begun = orjson.loads(batch) if batch else {}
        return Saga(by, despite, started, ended, stage, entity, after, begun, orjson.loads(done))

    async def unfinished(self) -> list[str]:
        """Waves whose rollback was cut off."""
        rows = await self._db.read(
            "SELECT wave.name FROM rollback JOIN wave ON wave.id = rollback.wave WHERE rollback.ended = ''"
        )
        return [row[0] for row in rows]

    async def at(self, wave: int, stage: int, entity: int, done: Done) -> None:
        """The rollback begins this pass over this entity."""
        await self._db.write(
            "undo_at",
            [
                (
                    "UPDATE rollback SET pass = ?, entity = ?, after = '', batch = '', done = ? WHERE wave = ?",
                    (stage, entity, orjson.dumps(done).decode(), wave),
                )
            ],
        )

    async def intend(self, wave: int, batch: Mapping[int, Sequence[str]]) -> None:
        """About to undo these: durable before the first call goes out."""
        packed = orjson.dumps({str(entity): list(keys) for entity, keys in batch.items()}).decode()
        await self._db.write("undo_intend", [("UPDATE rollback SET batch = ? WHERE wave = ?", (packed, wave))])

    async def outcome(
        self,
        wave: int,
        after: str,
        removed: Mapping[int, Sequence[str]],
        done: Done,
        *,
        emptied: Mapping[int, Sequence[str]],
        loosened: Iterable[Tied] = (),
    ) -> None:
        """The batch is undone. `removed` (keys by entity) are forgotten, so that a later run creates them again;
        `emptied` keep their bucket and exist no more; what referred to them is loose, and to be compared."""
        mark = self._drifts.mark()
        statements: list[Statement] = []
        for entity, keys in removed.items():
            if keys:
                statements += self._forget(entity, orjson.dumps(list(keys)).decode())
        for entity, keys in emptied.items():
            if keys:
                statements.append(
                    (
                        "UPDATE entry SET target = '', print = '' "
                        "WHERE entity = ? AND key IN (SELECT value FROM json_each(?))",
                        (entity, orjson.dumps(list(keys)).decode()),
                    )
                )
        if ties := [(tie.entity, tie.key, tie.name, tie.to_key) for tie in loosened]:
            statements.append(
                (
                    "UPDATE reference SET done = 0 WHERE (entity, key, name, to_key) IN "
                    "(SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?))",
                    (orjson.dumps(ties).decode(),),
                )
            )
            statements.append((SOIL_ANY, (mark, orjson.dumps(ties).decode())))
        statements.append(
            (
                "UPDATE rollback SET after = ?, batch = '', done = ? WHERE wave = ?",
                (after, orjson.dumps(done).decode(), wave),
            )
        )
        await self._db.write("undo_outcome", statements)
        self._drifts.kept(mark)

    async def end(self, wave: str, number: int, state: WaveState, cause: str, detail: str) -> None:
        """All is undone that could be: the wave starts afresh when it is run."""
        now = self._now()
        statements: list[Statement] = [
            (f"DELETE FROM {table} WHERE wave = ?", (number,))  # noqa: S608 - names of our own
            for table in ("lane", "chunk", "feed", "overlap", "intent", "drift", "walk")
        ]
        statements += [
            ("DELETE FROM meta WHERE name = 'drift:' || ?", (wave,)),
            ("UPDATE rollback SET ended = ?, batch = '' WHERE wave = ?", (now, number)),
            (
                "UPDATE wave SET state = ?, cause = ?, started = '', ended = '', approved = '' WHERE name = ?",
                (state, cause, wave),
            ),
            self._event("engine", f"wave {state}", wave, detail, now),
            ("DELETE FROM meta WHERE name = ?", (SAME + wave,)),
            ("DELETE FROM image_key WHERE wave = ? AND id NOT IN (SELECT seal FROM image)", (number,)),
            ("DROP INDEX IF EXISTS undo_target", ()),
            ("DROP INDEX IF EXISTS undo_tie", ()),
        ]
        await self._db.write("undo_end", statements)

    # ------------------------------------------------------------ what there is to undo

    async def at_targets(self, entity: int, targets: Sequence[str]) -> dict[str, str]:
        """{target id: key} of entries that stand there, of whatever wave."""
        rows = await self._db.read(
            "SELECT target, key FROM entry WHERE entity = ? AND target IN (SELECT value FROM json_each(?)) "
            "AND target <> ''",
            (entity, orjson.dumps(targets).decode()),
        )
        return dict(rows)

    async def ties(self, entity: int, keys: Sequence[str]) -> list[Tied]:
        """References from or to these records whose both ends exist, each once."""
        packed = orjson.dumps(keys).decode()
        whole = (
            "SELECT r.entity, r.key, r.name, r.to_entity, r.to_key, a.target, b.target, a.wave FROM reference r "
            "JOIN entry a ON a.entity = r.entity AND a.key = r.key "
            "JOIN entry b ON b.entity = r.to_entity AND b.key = r.to_key "
            "WHERE a.target <> '' AND b.target <> '' AND "
        )
        listed = "(SELECT value FROM json_each(?2))"
        rows = await self._db.read(
            f"{whole} r.entity = ?1 AND r.key IN {listed} UNION {whole} r.to_entity = ?1 AND r.to_key IN {listed}",
            (entity, packed),
        )
        return [Tied(*row) for row in rows]

    async def elsewhere(self, wave: int) -> dict[str, int]:
        """Other waves that count on records of this one, being in their scope too: {wave: records}."""
        rows = await self._db.read(
            "SELECT wave.name, count(*) FROM overlap o JOIN entry e ON e.entity = o.entity AND e.key = o.key "
            "JOIN wave ON wave.id = o.wave WHERE e.wave = ?1 AND o.wave <> ?1 GROUP BY wave.name",
            (wave,),
        )
        return dict(rows)

    # ------------------------------------------------------------ re-runs

    async def stale(self, wave: WaveRow, again: Again, by: str, playbook: str, detail: str, *, same: str = "") -> None:
        """What of the wave is done will be carried again: whichever run comes next does it. One step with the wave's
        approval. `playbook`: that the whole wave has from here on; empty when only some of it is carried again.
        `same`: the former playbook, which it goes on with even when it is cut off; empty for that of the folder."""
        now = self._now()
        rows: list[Statement] = []
        for entity, keys in (*again.records.items(), *again.children.items()):
            these, what, packed = "wave = ? AND entity = ?", (wave.id, entity), tuple[str, ...]()
            if keys is not None:
                these += " AND key IN (SELECT value FROM json_each(?))"
                packed = (orjson.dumps(keys).decode(),)
            if entity in again.children:  # they are listed with their records: what the source has no more stays done
                statement = f"UPDATE entry SET version = ? WHERE {these} AND bucket = 1"  # noqa: S608
                rows.append((statement, (STALE, *what, *packed)))
                continue
            # Half done, it is not known to be as the ledger says: it is written, come what may.
            half = f"UPDATE entry SET print = '' WHERE {these} AND bucket = 2 AND version <> ?"  # noqa: S608
            done = f"UPDATE entry SET bucket = 2, version = ? WHERE {these} AND bucket = 1"  # noqa: S608
            rows += [(half, (*what, *packed, STALE)), (done, (STALE, *what, *packed))]
        rows += [
            (
                "UPDATE wave SET state = ?, cause = '', approved = ?, ended = '', "
                "playbook = CASE ?3 WHEN '' THEN playbook ELSE ?3 END WHERE id = ?4",
                (WaveState.APPROVED, by, playbook, wave.id),
            ),
            self._event(by, "rerun", wave.name, detail, now),
            ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SAME + wave.name, same)),
        ]
        await self._db.write("stale", rows)

    async def same(self, wave: str) -> str:
        """The playbook that this wave is being carried again with, whatever the folder says; else empty."""
        rows = await self._db.read("SELECT value FROM meta WHERE name = ?", (SAME + wave,))
        return str(rows[0][0]) if rows else ""

    async def keep_book(self, version: str, text: str) -> None:
        """A playbook that runs, as it is: configuration, no record."""
        await self._db.write("keep_book", [("INSERT OR IGNORE INTO book VALUES (?, ?)", (version, text))])

    async def books(self) -> dict[str, str]:
        """Playbooks that ran, by their version."""
        return dict(await self._db.read("SELECT version, text FROM book"))

    # ------------------------------------------------------------ inside

    def _forget(self, entity: int, keys: str) -> list[Statement]:
        # Other waves' overlaps stay: it is this wave's to do, unless one of them takes it first.
        statements: list[Statement] = [
            (f"DELETE FROM {table} WHERE entity = ?1 AND key IN (SELECT value FROM json_each(?2))", (entity, keys))  # noqa: S608
            for table in ("aside", "image", "entry", "reference")
        ]
        loosen = (
            "UPDATE reference SET done = 0 "
            "WHERE done = 1 AND to_entity = ?1 AND to_key IN (SELECT value FROM json_each(?2))"
        )
        return [*statements, (loosen, (entity, keys))]

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")

    def _event(self, by: str, what: str, wave: str, detail: str, at: str) -> Statement:
        return "INSERT INTO event (at, by, what, wave, detail) VALUES (?, ?, ?, ?, ?)", (at, by, what, wave, detail)
