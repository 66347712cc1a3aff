"""The runbook as its file stands now. A file that is wrong is told, and the one of before counts until it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from engine.gates import Judge
from runbooks.errors import LoadError
from runbooks.facts import names
from runbooks.gates import parse
from runbooks.loader import load
from runbooks.migration import FILE, Migration
from runbooks.runbook import Runbook

Stamps = dict[Path, tuple[int, int]]


class Shelf:
    """Reads the folder anew when one of its files has changed."""

    def __init__(self, migration: Migration) -> None:
        """`migration` is what was loaded last."""
        self._folder = migration.folder
        self._one_at_a_time = asyncio.Lock()
        self.problem = ""
        """What is wrong with the files now; empty when nothing is."""
        self._put(migration)
        self._seen = _stamps(self._files)

    async def look(self) -> Runbook | None:
        """The runbook; None in a migration without one. Cheap while no file changes."""
        async with self._one_at_a_time:
            seen = _stamps(self._files)
            if seen != self._seen:
                try:
                    self._put(await asyncio.to_thread(load, self._folder))
                    self.problem = ""
                except LoadError as error:
                    first = error.problems[0]
                    more = f" (and {len(error.problems) - 1} more)" if error.problems[1:] else ""
                    self.problem = f"{first}{more} (until that is mended, the runbook of before counts)"
                self._seen = seen if self.problem else _stamps(self._files)
        return self.runbook

    def _put(self, migration: Migration) -> None:
        self.runbook = migration.runbook
        self.people: Mapping[str, str] = migration.people
        self.judges: dict[str, Judge] = {}
        """The gates, by the ids of their steps."""
        files = [migration.folder / FILE, *(Path(document.file) for document in migration.documents.values())]
        self._files = sorted({*files, *([migration.runbook_file] if migration.runbook_file else [])})
        if migration.runbook is not None:
            waves = [wave.wave for book in migration.playbooks for wave in book.waves]
            known = names(waves, migration.runbook.approvals())
            for step in migration.runbook.steps():
                if step.gate is not None:
                    self.judges[step.step] = Judge(parse(step.gate, known))


def _stamps(files: list[Path]) -> Stamps:
    """When each was written, and its size; nothing for one that is not there."""
    found: Stamps = {}
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found
