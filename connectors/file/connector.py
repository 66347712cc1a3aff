"""Joins the two sides of a folder of files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from connectors.file.folder import Folder
from connectors.file.options import Options
from connectors.file.readback import FileReadback
from connectors.file.source import FileSource
from connectors.file.target import BULK, FileTarget
from connectors.kit.contract import (
    Connection,
    Creates,
    Feed,
    FieldInfo,
    Finding,
    Ports,
    Scope,
    Traits,
)
from connectors.kit.errors import Misconfigured
from connectors.kit.options import read_options

_SCHEME = "file:"
_TICK = 0.05  # seconds: two edits within it may leave one modification time
_SAMPLE = 200  # records that a schema is inferred from


def connect(connection: Connection, ports: Ports) -> Files:
    """Connect to the folder that `connection.url` names."""
    url = connection.url
    place = unquote(url.removeprefix(_SCHEME).removeprefix("//")) if url.startswith(_SCHEME) else url
    if not place or "://" in place:
        hint = "Write file:///path/to/folder, or a path"
        raise Misconfigured(f"{connection.name}: the URL names no folder", hint=hint)
    return Files(
        Folder(Path(connection.folder, Path(place).expanduser()), read_options(Options, connection), ports), ports
    )


class Files(FileSource, FileTarget, FileReadback):
    """A folder as Source, Target and Readback."""

    def __init__(self, folder: Folder, ports: Ports) -> None:
        self.folder = folder
        self._ports = ports

    def traits(self, entity: str) -> Traits:
        path = self.folder.file_of(entity)
        lines = path.suffix == ".jsonl" if path else self.folder.options.format == "jsonl"
        return Traits(
            feed=Feed.LOG if lines else Feed.NONE,
            granularity=0.0 if self.folder.options.layout(entity).version else _TICK,
            creates=Creates.NATIVE,
            page=500,
            bulk=BULK,
            updates=lines,
            deletes=lines,
        )

    async def now(self) -> datetime:
        return self._ports.clock.now()

    async def check(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        def work() -> list[Finding]:
            found = [self._reach(make=bool(writes))]
            found += [self._reads(scope.entity) for scope in reads]
            return found + [self._writes(entity) for entity in writes]

        return await self.folder.call("check", work)

    async def schema(self, entity: str) -> list[FieldInfo]:
        def work() -> list[FieldInfo]:
            table = self.folder.perhaps(entity)
            types: dict[str, str] = {}
            records = table.slice("", "", _SAMPLE)[0] if table else []
            for record in records:
                for name, value in record.fields.items():
                    if value not in (None, ""):
                        types.setdefault(name, _type(value))
            names = table.names if table else set()
            return [FieldInfo(name, name, types.get(name, "string")) for name in sorted(names)]

        return await self.folder.call("schema", work)

    async def close(self) -> None:
        await self.folder.close()

    def _reach(self, *, make: bool) -> Finding:
        path = self.folder.path
        if path.is_dir():
            return Finding("reach", True, f"{path} is a folder")
        if make and path.parent.is_dir() and not path.exists():
            return Finding("reach", True, f"{path} will be made")
        return Finding("reach", False, f"{path} is no folder", "Make it, or correct the URL of this system")

    def _reads(self, entity: str) -> Finding:
        try:
            table = self.folder.readable(entity)
        except Misconfigured as error:
            return Finding(f"read {entity}", False, str(error), error.hint)
        except OSError as error:
            return Finding(f"read {entity}", False, str(error.strerror), f"ls -l {error.filename}")
        older = f"; {table.index.superseded} lines superseded by later ones" if table.index.superseded else ""
        return Finding(f"read {entity}", True, f"{len(table.index)} records in {table.path.name}{older}")

    def _writes(self, entity: str) -> Finding:
        """Looks without writing."""
        path = self.folder.file_of(entity)
        if path is not None and path.suffix == ".gz":
            hint = f"Unpack it: gunzip {path}"
            return Finding(f"permission: write {entity}", False, f"{path.name} is packed", hint)
        holder = path or (self.folder.path if self.folder.path.exists() else self.folder.path.parent)
        if not os.access(holder, os.W_OK):
            hint = f"Give this user the right to write: chmod u+w {holder}"
            return Finding(f"permission: write {entity}", False, f"{holder} cannot be written", hint)
        return Finding(f"permission: write {entity}", True, f"{holder} can be written")


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "string"
