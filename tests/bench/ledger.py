"""Looks into an engine's ledger from outside: a reader costs the engine nothing, where `/status` would."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from engine.wire import LEDGER, STATE_FOLDER


class Watch:
    """A reader beside a running engine. Close it."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(f"file:{folder / STATE_FOLDER / LEDGER}?mode=ro", uri=True)

    def close(self) -> None:
        self._db.close()

    def settled(self) -> int:
        """Records whose fate is durable."""
        return int(self._db.execute("SELECT coalesce(sum(n), 0) FROM tally").fetchone()[0])

    def synced(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(n), 0) FROM tally WHERE bucket = 1").fetchone()[0])

    def copied(self) -> bool:
        """The one wave there is has read and written all that it found."""
        row = self._db.execute("SELECT count(*) FROM event WHERE what = 'wave catching_up'").fetchone()
        return bool(row[0]) or bool(self.outcome())

    def outcome(self) -> str:
        """Of the newest run; empty while it runs."""
        row = self._db.execute("SELECT outcome FROM run ORDER BY id DESC LIMIT 1").fetchone()
        return str(row[0]) if row else ""


def settled_by_the_dead(folder: Path) -> int:
    """What a killed engine had made durable: read from a copy, so that the next engine does all of its own recovery."""
    with tempfile.TemporaryDirectory() as aside:
        for file in (folder / STATE_FOLDER).glob(f"{LEDGER}*"):
            shutil.copy(file, aside)
        with closing(sqlite3.connect(Path(aside) / LEDGER)) as db:
            return int(db.execute("SELECT coalesce(sum(n), 0) FROM tally").fetchone()[0])


def size(folder: Path) -> int:
    """Bytes of the ledger on disk, its write-ahead log taken over; only when its engine has ended."""
    path = folder / STATE_FOLDER / LEDGER
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(file.stat().st_size for file in path.parent.glob(f"{LEDGER}*"))
