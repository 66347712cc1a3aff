"""The bytes of attachments: files inside the folder, named by their SHA-256 where this connector wrote them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from connectors.file.folder import Folder
from connectors.file.writer import sync_folder
from connectors.kit.contract import Content, Record
from connectors.kit.errors import Misconfigured, Unavailable

_BLOCK = 256 * 1024  # bytes a read
_HASH = re.compile(r"[0-9a-f]{64}")


class Stored(NamedTuple):
    """Bytes that were taken in. `path` is relative to the folder."""

    path: str
    size: int


def open_content(folder: Folder, entity: str, record: Record) -> Content:
    """The bytes a record names. Unavailable at the end when they are not those that its name or size promises."""
    name = record.fields.get(folder.options.layout(entity).content)
    size = str(record.fields.get("size", ""))

    async def pieces() -> AsyncIterator[bytes]:
        path = await folder.call("content", lambda: _inside(folder.path, entity, record.key, name))
        digest, total = hashlib.sha256(), 0
        while piece := await folder.call("content", partial(_block, path, total)):
            digest.update(piece)
            total += len(piece)
            yield piece
        hashed = Path(str(name)).name
        cut = size.isdecimal() and total != int(size)
        if cut or (_HASH.fullmatch(hashed) and hashed != digest.hexdigest()):
            raise Unavailable(f"{entity} {record.key}: its file is not what it was ({total} bytes); put it back")

    return pieces


async def store_content(folder: Folder, entity: str, xid: str, content: Content) -> Stored:
    """Take in a stream. What breaks off leaves nothing."""
    home = folder.path / f"{entity}.files"
    part = home / f".{hashlib.sha256(xid.encode()).hexdigest()[:32]}.part"

    def begin() -> None:
        folder.path.mkdir(exist_ok=True)
        home.mkdir(exist_ok=True)
        part.write_bytes(b"")

    def add(piece: bytes) -> None:
        with part.open("ab") as file:
            file.write(piece)

    def end() -> Stored:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        final = home / digest.hexdigest()
        part.replace(final)
        sync_folder(home)
        return Stored(f"{home.name}/{final.name}", total)

    digest, total = hashlib.sha256(), 0
    try:
        await folder.call("store", begin)
        async for piece in content():
            digest.update(piece)
            total += len(piece)
            await folder.call("store", partial(add, piece))
        return await folder.call("store", end)
    finally:
        folder.later(lambda: part.unlink(missing_ok=True))


def _block(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(_BLOCK)


def _inside(folder: Path, entity: str, key: str, name: object) -> Path:
    if not isinstance(name, str) or not name:
        hint = "Name the field that holds the path of the file with the option content"
        raise Misconfigured(f"{entity} {key} names no file", hint=hint)
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Misconfigured(f"{entity} {key} names a file outside of {folder}", hint="Move it into the folder")
    if not path.is_file():
        raise Misconfigured(f"{entity} {key}: its file is not in {folder}", hint="Put it there, as the record says")
    return path
