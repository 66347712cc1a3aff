"""The logbook of a migration: waves and their states, holds, runs, and who did what when. A part of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from engine.clock import Clock
from engine.database import Database, Statement
from engine.model import Hold, Mark, StepState, WaveState

SAME = "same:"  # names of `meta`, by wave: the former playbook that a re-run goes on with until the wave is loaded
_ACKNOWLEDGED = "acknowledged:"


class WaveRow(NamedTuple):
    id: int
    name: str
    state: WaveState
    cause: str
    playbook: str
    approved: str
    started: str
    ended: str


class Logbook:
    """Verbs write (each is one durable point, named like the verb); the rest reads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    # ------------------------------------------------------------ names

    async def meta(self, name: str, value: str) -> str:
        """The value under this name; `value` is stored when there is none yet."""
        await self._db.write("meta", [("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))])
        return str((await self._db.read("SELECT value FROM meta WHERE name = ?", (name,)))[0][0])

    async def set_meta(self, name: str, value: str) -> None:
        await self.set_metas({name: value})

    async def set_metas(self, values: Mapping[str, str]) -> None:
        await self._db.write("meta", [("INSERT OR REPLACE INTO meta VALUES (?, ?)", each) for each in values.items()])

    async def get_meta(self, name: str) -> str | None:
        rows = await self._db.read("SELECT value FROM meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    # ------------------------------------------------------------ waves

    async def add_wave(self, name: str) -> None:
        await self._db.write(
            "add_wave", [("INSERT OR IGNORE INTO wave (name, state) VALUES (?, ?)", (name, WaveState.DRAFT))]
        )

    async def waves(self) -> dict[str, WaveRow]:
        rows = await self._db.read("SELECT id, name, state, cause, playbook, approved, started, ended FROM wave")
        return {row[1]: WaveRow(row[0], row[1], WaveState(row[2]), *row[3:]) for row in rows}

    async def wave_state(self, wave: str, state: WaveState, cause: str = "", *, by: str = "engine") -> None:
        now = self._now()
        await self._db.write(
            "wave_state",
            [
                ("UPDATE wave SET state = ?, cause = ? WHERE name = ?", (state, cause, wave)),
                self._event(by, f"wave {state}", wave, cause, now),
            ],
        )

    async def approve(self, wave: str, by: str, playbook: str) -> None:
        now = self._now()
        await self._db.write(
            "approve",
            [
                (
                    "UPDATE wave SET state = ?, cause = '', approved = ?, playbook = ?, ended = '', "
                    "started = CASE started WHEN '' THEN ? ELSE started END WHERE name = ?",
                    (WaveState.APPROVED, by, playbook, now, wave),
                ),
                self._event(by, "wave approved", wave, f"playbook {playbook}", now),
            ],
        )

    async def loaded(self, wave: str, note: str) -> None:
        """Everything of the wave is where it should be; `note` is what a signer should know."""
        now = self._now()
        await self._db.write(
            "loaded",
            [
                (
                    "UPDATE wave SET state = ?, cause = ?, ended = ? WHERE name = ?",
                    (WaveState.AWAITING_SIGN_OFF, note, now, wave),
                ),
                ("DELETE FROM meta WHERE name = ?", (SAME + wave,)),
                self._event("engine", f"wave {WaveState.AWAITING_SIGN_OFF}", wave, note, now),
            ],
        )

    async def sign(self, wave: str, by: str, detail: str, meta: dict[str, str]) -> None:
        """A person has signed the wave off; `meta` is what is kept about it, by name. In the same step the key of its
        before-images is destroyed: nobody can open them from here on."""
        now = self._now()
        rows: list[Statement] = [("INSERT OR REPLACE INTO meta VALUES (?, ?)", row) for row in meta.items()]
        rows.append(("UPDATE wave SET state = ?, cause = '' WHERE name = ?", (WaveState.SIGNED_OFF, wave)))
        rows.append(self._event(by, f"wave {WaveState.SIGNED_OFF}", wave, detail, now))
        rows.append(("PRAGMA secure_delete = ON", ()))
        rows.append(("DELETE FROM image_key WHERE wave = (SELECT id FROM wave WHERE name = ?)", (wave,)))
        if (await self._db.write("sign", rows))[-1]:
            await self._db.forget()

    async def plan(self, wave: int, counts: dict[int, int]) -> None:
        """What the source counts in scope, by entity."""
        rows = [("INSERT OR REPLACE INTO planned VALUES (?, ?, ?)", (wave, entity, n)) for entity, n in counts.items()]
        await self._db.write("plan", rows)

    async def planned(self) -> dict[tuple[int, int], int]:
        return {(w, e): n for w, e, n in await self._db.read("SELECT wave, entity, n FROM planned")}

    # ------------------------------------------------------------ holds, runs, events

    async def hold(self, hold: Hold) -> None:
        await self._db.write(
            "hold",
            [
                ("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", hold),
                self._event(hold.by, "pause", hold.wave, hold.reason, hold.since),
            ],
        )

    async def lift(self, wave: str, by: str) -> None:
        await self._db.write(
            "lift", [("DELETE FROM hold WHERE wave = ?", (wave,)), self._event(by, "resume", wave, "", self._now())]
        )

    async def holds(self) -> list[Hold]:
        return [
            Hold(*row) for row in await self._db.read("SELECT wave, reason, by, since FROM hold ORDER BY since, by")
        ]

    async def start_run(self, waves: Sequence[str], by: str, playbook: str) -> int:
        now = self._now()
        await self._db.write(
            "start_run",
            [
                (
                    "UPDATE run SET ended = ?, outcome = 'interrupted' WHERE ended = ''",
                    (now,),
                ),
                (
                    "INSERT INTO run (waves, by, playbook, started) VALUES (?, ?, ?, ?)",
                    (orjson.dumps(list(waves)).decode(), by, playbook, now),
                ),
                self._event(by, "run", "", f"waves {', '.join(waves)}; playbook {playbook}", now),
            ],
        )
        return int((await self._db.read("SELECT max(id) FROM run"))[0][0])

    async def end_run(self, run: int, outcome: str) -> None:
        now = self._now()
        await self._db.write(
            "end_run",
            [
                ("UPDATE run SET ended = ?, outcome = ? WHERE id = ?", (now, outcome, run)),
                self._event("engine", f"run {outcome}", "", "", now),
            ],
        )

    async def last_run(self) -> tuple[list[str], str, str, str, str, str] | None:
        """(waves, by, playbook, started, ended, outcome) of the newest run."""
        rows = await self._db.read(
            "SELECT waves, by, playbook, started, ended, outcome FROM run ORDER BY id DESC LIMIT 1"
        )
        return (orjson.loads(rows[0][0]), *rows[0][1:]) if rows else None

    async def cut_off(self) -> bool:
        """Whether some run did not come to its end: a call of it may have had no answer."""
        return bool(await self._db.read("SELECT 1 FROM run WHERE outcome <> 'done' LIMIT 1"))

    async def outcome(self, run: int) -> str:
        """How this run ended; empty while it goes on, or when its engine died."""
        rows = await self._db.read("SELECT outcome FROM run WHERE id = ?", (run,))
        return str(rows[0][0]) if rows else ""

    # ------------------------------------------------------------ the runbook

    async def mark(self, mark: Mark, what: str, *, by: str = "") -> None:
        """What was said about a step, and a line of the audit trail: `by` for who says it, if not the mark's own."""
        detail = f"{mark.step}: {mark.note}" if mark.note else mark.step
        await self._db.write(
            "mark",
            [
                ("INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?, ?)", mark),
                self._event(by or mark.by, what, "", detail, mark.at),
            ],
        )

    async def marks(self) -> dict[str, Mark]:
        rows = await self._db.read("SELECT id, state, by, at, note, run, facts FROM step")
        return {row[0]: Mark(row[0], StepState(row[1]), *row[2:]) for row in rows}

    # ------------------------------------------------------------ the audit trail

    async def note(self, by: str, what: str, wave: str = "", detail: str = "") -> None:
        """One line of the audit trail."""
        await self._db.write("note", [self._event(by, what, wave, detail, self._now())])

    async def events(self, after: int = 0, limit: int = 200) -> list[tuple[int, str, str, str, str, str]]:
        """(id, at, by, what, wave, detail), oldest first. `after`: an id; negative: so many of the newest."""
        if after < 0:
            after += (await self._db.read("SELECT coalesce(max(id), 0) FROM event"))[0][0]
        rows = await self._db.read(
            "SELECT id, at, by, what, wave, detail FROM event WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [(r[0], r[1], r[2], r[3], r[4], r[5]) for r in rows]

    # ------------------------------------------------------------ alerts

    async def acknowledge(self, alert: str, by: str, wave: str, sentence: str) -> None:
        """This person has seen this alert."""
        await self._db.write(
            "note",
            [
                ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_ACKNOWLEDGED + alert, by)),
                self._event(by, "acknowledge", wave, sentence, self._now()),
            ],
        )

    async def acknowledged(self) -> dict[str, str]:
        """Alerts that somebody has seen: alert -> who."""
        rows = await self._db.read(
            "SELECT substr(name, ?), value FROM meta WHERE name LIKE ? || '%'", (len(_ACKNOWLEDGED) + 1, _ACKNOWLEDGED)
        )
        return dict(rows)

    async def forget_acknowledged(self, alerts: Sequence[str]) -> None:
        """These are gone: should they come again, they call again."""
        await self._db.write("meta", [("DELETE FROM meta WHERE name = ?", (_ACKNOWLEDGED + a,)) for a in alerts])

    # ------------------------------------------------------------ inside

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")

    def _event(self, by: str, what: str, wave: str, detail: str, at: str) -> Statement:
        return "INSERT INTO event (at, by, what, wave, detail) VALUES (?, ?, ?, ?, ?)", (at, by, what, wave, detail)
