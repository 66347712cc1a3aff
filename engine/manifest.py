"""Writes a wave's manifest: its records one line each, the signed JSON, and a page for people."""

from __future__ import annotations

import asyncio
import heapq
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.flow import Flow
from engine.ledger import Ledger
from engine.model import Bucket
from engine.wire import manifest as form

_PAGE = 5_000  # entries a read
_RUN = 100_000  # lines in memory

Counts = Mapping[tuple[str, str], int]
"""Records by entity and bucket's word."""


class Seal:
    """What a manifest is signed with. The private key stays in here."""

    def __init__(self, private_key: bytes) -> None:
        """`private_key`: 32 bytes that nobody can guess."""
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self._public = self._key.public_key().public_bytes_raw()
        self.public_key = self._public.hex()
        self.fingerprint = form.fingerprint(self._public)

    def sign(self, data: bytes) -> str:
        return self._key.sign(data).hex()


class Listed(NamedTuple):
    """The file of the records, and what was counted while it was written."""

    records: form.SignedRecords
    counts: Counts


async def write_records(ledger: Ledger, wave: int, flows: Sequence[Flow], path: Path) -> Listed:
    """One line a record of this wave, in the order of their external ids; `path` is durable on return.

    Keys come from the ledger in another order: they are sorted in runs on disk, 100,000 lines in memory.
    """
    counts: Counter[tuple[str, str]] = Counter()
    with _Sorter(path.parent) as sorter:
        for flow in flows:
            after = ""
            while entries := await ledger.entries(wave, flow.entity, after, _PAGE):
                after = entries[-1].key
                lines = [form.line(flow.xid(e.key), flow.name, e.bucket.word, e.target, e.print) for e in entries]
                counts.update((flow.name, entry.bucket.word) for entry in entries)
                await asyncio.to_thread(sorter.add, lines)
            after = ""
            while keys := await ledger.overlaps(wave, flow.entity, after, _PAGE):
                after = keys[-1]
                word = Bucket.OVERLAP.word
                counts[flow.name, word] += len(keys)
                await asyncio.to_thread(sorter.add, [form.line(flow.xid(key), flow.name, word, "", "") for key in keys])
        records = await asyncio.to_thread(_write_sorted, sorter, path)
    return Listed(records, counts)


def write_manifest(path: Path, manifest: form.Manifest, seal: Seal) -> str:
    """Sign it and make it durable at `path`; gives the digest of the file."""
    body = manifest.model_dump(mode="json")
    data = form.whole(body, seal.sign(form.signed_part(body)))
    write_durably(path, data)
    return form.digest(data)


def write_durably(path: Path, data: bytes) -> None:
    with _durable(path) as file:
        file.write(data)


# ---------------------------------------------------------------- inside


class _Sorter:
    """Lines in the order of their bytes, whatever order they come in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[bytes] = []
        self._runs: list[IO[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> _Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, lines: Sequence[bytes]) -> None:
        self._lines += lines
        if len(self._lines) >= _RUN:
            run = TemporaryFile(dir=self._folder)  # noqa: SIM115 - it lives until all runs are merged
            self._stack.push(run)
            run.writelines(sorted(self._lines))
            run.seek(0)
            self._runs.append(run)
            self._lines = []

    def ordered(self) -> Iterator[bytes]:
        return heapq.merge(sorted(self._lines), *self._runs)


def _write_sorted(sorter: _Sorter, path: Path) -> form.SignedRecords:
    leaves = {digits: blake2b(digest_size=32) for digits in form.LEAVES}
    lines = size = 0
    with _durable(path) as file:
        for line in sorter.ordered():
            leaves[line[2:4].decode()].update(line)
            file.write(line)
            lines += 1
            size += len(line)
    digests = [leaf.hexdigest() for leaf in leaves.values()]
    return form.SignedRecords(file=path.name, bytes=size, lines=lines, root=form.root(digests), leaves=digests)


@contextmanager
def _durable(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all, for its owner's eyes only."""
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o600)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
