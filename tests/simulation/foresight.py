"""What leaves for the target was written down first: held against the ledger's file at each call, in every night.

An engine may die at any moment after a call has left; what the next one knows of that call is what stood on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from engine.flow import Flow
from engine.model import CHANGING, Bucket

_PARTS = ("issue", "comment", "attachment")  # links have no line of their own, and are looked for before they are made
_TIED = {"above"}  # written by the second pass, and known to it by its reference until it is done


def unforeseen(ledger: Path, flows: Iterable[Flow], call: str, entity: str, writes: Sequence[Any]) -> Iterator[str]:
    """Of these writes to the target, those that the ledger says nothing of, or not enough."""
    own = [flow for flow in flows if flow.target_entity == entity]
    if not own or entity not in _PARTS:
        return
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as raw:
        numbers = {name: id for id, name in raw.execute("SELECT id, name FROM entity")}
        if call == "create":
            yield from _creates(raw, own, numbers, writes)
        else:
            lines = _lines(raw, [numbers[flow.name] for flow in own], writes)
            undo = _undo(raw)
            for write in writes:
                target = write if isinstance(write, str) else write.target
                number, key, print, bucket = lines.get(target, (0, "", "", 0))
                if not key:
                    yield f"{call} {entity} {target} leaves, and the ledger does not know it"
                elif key in undo.get(number, ()):
                    continue
                elif call == "delete":
                    yield f"{call} {entity} {target} leaves, and no rollback had said so"
                elif call == "move":
                    if bucket != Bucket.IN_FLIGHT:
                        yield f"{call} {entity} {target} leaves, and its record is not in flight"
                elif write.fields and set(write.fields) != _TIED and print not in ("", CHANGING):
                    yield f"{call} {entity} {target} leaves while the ledger still says what it shows"


def _creates(
    raw: sqlite3.Connection, flows: Sequence[Flow], numbers: Mapping[str, int], writes: Sequence[Any]
) -> Iterator[str]:
    intended = set()
    for flow in flows:
        keys = "SELECT j.value->>0 FROM intent, json_each(intent.keys) j WHERE entity = ?"
        intended |= {flow.xid(key) for (key,) in raw.execute(keys, (numbers[flow.name],))}
    yield from (f"a create of {write.xid} leaves without an intent" for write in writes if write.xid not in intended)


def _lines(
    raw: sqlite3.Connection, entities: Sequence[int], writes: Sequence[Any]
) -> dict[str, tuple[int, str, str, int]]:
    """By id at the target: (entity, key, fingerprint, bucket)."""
    targets = [write if isinstance(write, str) else write.target for write in writes]
    rows = raw.execute(
        "SELECT target, entity, key, print, bucket FROM entry WHERE entity IN (SELECT value FROM json_each(?)) "
        "AND target IN (SELECT value FROM json_each(?))",
        (orjson.dumps(entities).decode(), orjson.dumps(targets).decode()),
    )
    return {target: line for target, *line in rows}


def _undo(raw: sqlite3.Connection) -> dict[int, set[str]]:
    """By entity, the keys of what a rollback is about to undo."""
    undo: dict[int, set[str]] = {}
    for (batch,) in raw.execute("SELECT batch FROM rollback WHERE ended = '' AND batch <> ''"):
        for entity, keys in orjson.loads(batch).items():
            undo.setdefault(int(entity), set()).update(keys)
    return undo
