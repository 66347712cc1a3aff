"""The folder behind the connector, and how calls reach it: one after the other, on a thread of their own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from connectors.file.options import Options
from connectors.file.table import SUFFIXES, Table
from connectors.file.writer import Writer
from connectors.kit.contract import Answer, Ports
from connectors.kit.errors import Misconfigured, Unavailable

Result = TypeVar("Result")

_ENTITY = re.compile(r"\w[\w.\-]*")


class Folder:
    """Tables and writers by entity. `call` is the only way in; a cancelled call still ends in order."""

    def __init__(self, path: Path, options: Options, ports: Ports) -> None:
        self.path = path
        self.options = options
        self._clock, self._pacer = ports
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="files")
        self._tables: dict[str, Table] = {}
        self._writers: dict[str, Writer] = {}
        self._closed = False

    async def call(self, name: str, work: Callable[[], Result]) -> Result:
        """Run `work` on the folder's thread. Errors of the file system become those of the contract."""
        await self._pacer.turn(name)
        started = self._clock.monotonic()
        status = 0
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._worker, work)
            status = 200
            return result
        except PermissionError as error:
            hint = f"Give this user the right to it: ls -l {self.path}"
            raise Misconfigured(f"{name}: permission to {error.filename or self.path} is denied", hint=hint) from None
        except FileNotFoundError as error:
            hint = f"Put it there, or correct the URL of this system: {self.path}"
            raise Misconfigured(f"{name}: there is no {error.filename or self.path}", hint=hint) from None
        except OSError as error:
            raise Unavailable(f"{name}: {error.filename or self.path}: {error.strerror}") from None
        finally:
            self._pacer.done(Answer(name, self._clock.monotonic() - started, status))

    def later(self, work: Callable[[], object]) -> None:
        """Run `work` after the calls that are under way, also those that were cancelled."""
        if not self._closed:
            self._worker.submit(work)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._worker.submit(self._end)
            await asyncio.to_thread(self._worker.shutdown)

    def _end(self) -> None:
        for writer in self._writers.values():
            writer.close()
        for table in self._tables.values():
            table.close()

    # ------------------------------------------------------------ on the thread

    def file_of(self, entity: str) -> Path | None:
        """The file of an entity; None when there is none."""
        if not _ENTITY.fullmatch(entity):
            hint = "Use letters, digits, _ - and . (not first)"
            raise Misconfigured(f"the entity {entity[:40]!r} cannot be a file name", hint=hint)
        there = [path for suffix in SUFFIXES if (path := self.path / f"{entity}{suffix}").is_file()]
        if len(there) > 1:
            names = ", ".join(path.name for path in there)
            raise Misconfigured(f"{entity} has several files: {names}", hint="Leave one of them in the folder")
        return there[0] if there else None

    def readable(self, entity: str) -> Table:
        """The table of an entity, up to date. Misconfigured when there is no file."""
        table = self._table(entity, self.file_of(entity))
        if table is None:
            known = sorted({path.name.split(".")[0] for path in self.path.glob("*") if path.name.endswith(SUFFIXES)})
            hint = f"The folder has: {', '.join(known) or 'no JSONL or CSV file'}"
            raise Misconfigured(f"{self.path} has no file for {entity} ({entity}.jsonl, {entity}.csv)", hint=hint)
        return table

    def perhaps(self, entity: str) -> Table | None:
        """The table of an entity that may be written, up to date; None when there is no file yet."""
        return self._table(entity, self.file_of(entity), repairing=True)

    def writable(self, entity: str) -> Writer:
        """The writer of an entity, open; its file is made when there is none."""
        path = self.file_of(entity) or self.path / f"{entity}.{self.options.format}"
        writer = self._writers.get(entity)
        if writer is None or writer.table.path != path:
            writer = self._writers[entity] = Writer(self._made(entity, path))
        writer.open()
        return writer

    def _table(self, entity: str, path: Path | None, *, repairing: bool = False) -> Table | None:
        if path is None:
            return None
        table = self._made(entity, path)
        table.refresh(repairing=repairing)
        return table

    def _made(self, entity: str, path: Path) -> Table:
        table = self._tables.get(entity)
        if table is None or table.path != path:
            if table is not None:
                table.close()
            table = self._tables[entity] = Table(path, self.options.layout(entity), self.options.delimiter)
        return table
