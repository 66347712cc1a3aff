"""Is what an engine did a run of the model? Each record, with what hangs on it, is followed through the model alone.

A picture is taken after each durable write: what the ledger holds, and what stands on both sides. From one picture to
the next the model may do what nobody sees (calls that are lost, looks, waits), then what changes a side, then what the
write made durable, in this order: an entry whose record was never intended, or an undo that nobody wrote down first,
has no way there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.memory import Store
from engine.rulings import DRIFTED, GATE
from tests.model.wave import STEPS, Item, Shape, State, after, remove, resolve, send

ENOUGH = 1000  # things that go wrong: a run is not judged by how many
WAVES = {"draft": "new", "awaiting_sign_off": "loaded", "signed_off": "loaded", "rolling_back": "rolling_back"}
WAVES |= {"rolled_back": "rolled_back", "differs": "differs"}  # all others: working
ENTRIES = {1: "synced", 2: "in_flight", 8: "left"}  # all others: aside


class Of(NamedTuple):
    """Where one item stands, as far as it shows."""

    source: bool
    copies: int
    late: int
    edited: bool
    entry: str
    target: bool
    intent: bool
    undo: bool


class Picture(NamedTuple):
    """All that showed after one durable write; by (entity, key), what stands at the target by external id."""

    point: str
    wave: str
    stage: int
    hold: bool
    entries: Mapping[tuple[str, str], tuple[str, bool]]
    intents: frozenset[tuple[str, str]]
    undo: frozenset[tuple[str, str]]
    source: frozenset[str]
    copies: Mapping[str, int]
    late: Mapping[str, int]
    edited: frozenset[str]


KILLED = "killed"
Trace = list[Picture | str]
Family = Sequence[tuple[str, str, str]]
"""(entity, key, external id) of a record and of what hangs on it."""


class Watch:
    """A witness of the ledger's writes, of one wave. Call `killed` when the engine dies."""

    def __init__(self, ledger: Path, wave: str, left: Store, right: Store) -> None:
        self._ledger = ledger
        self._wave = wave
        self._left = left
        self._right = right
        self.trace: Trace = []

    def __call__(self, when: str, point: str) -> None:
        if when == "after":
            picture = self._take(point)
            last = next((one for one in reversed(self.trace) if isinstance(one, Picture)), None)
            if last is None or last._replace(point=point) != picture or self.trace[-1] == KILLED:
                self.trace.append(picture)

    def killed(self) -> None:
        self.trace.append(KILLED)

    def _take(self, point: str) -> Picture:
        ledger = sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True)
        try:
            return self._read(ledger, point)
        finally:
            ledger.close()

    def _read(self, ledger: sqlite3.Connection, point: str) -> Picture:
        names = dict(ledger.execute("SELECT id, name FROM entity"))
        row = ledger.execute("SELECT id, state, cause FROM wave WHERE name = ?", (self._wave,)).fetchone()
        number, state, cause = row or (0, "draft", "")
        if state == "needs_human" and cause.startswith((GATE, DRIFTED)):
            state = "differs"
        saga = ledger.execute("SELECT pass, batch FROM rollback WHERE wave = ? AND ended = ''", (number,)).fetchone()
        stage, batch = saga or (0, "")
        entries = ledger.execute("SELECT entity, key, bucket, target <> '' FROM entry WHERE wave = ?", (number,))
        intents = ledger.execute(
            "SELECT entity, j.value->>0 FROM intent, json_each(intent.keys) j WHERE wave = ?", (number,)
        )
        right = self._right
        late = self._late()
        own = [right.tables[entity] for entity in ("issue", "comment")]
        return Picture(
            point,
            WAVES.get(state, "working"),
            min(stage, 1),
            ledger.execute("SELECT count(*) FROM hold WHERE wave IN ('', ?)", (self._wave,)).fetchone()[0] > 0,
            {(names[e], key): (ENTRIES.get(bucket, "aside"), bool(there)) for e, key, bucket, there in entries},
            frozenset((names[e], key) for e, key in intents),
            frozenset((names[int(e)], key) for e, keys in orjson.loads(batch or "{}").items() for key in keys),
            frozenset(key for entity in ("incident", "comment") for key in self._left.tables[entity].rows),
            {xid: 1 + len(table.again.get(xid, ())) for table in own for xid in table.owner},
            late,
            frozenset(table.xids[key] for table in own for key in right.touches if key in table.xids),
        )

    def _late(self) -> Mapping[str, int]:
        """By external id, the creates that nobody waits for any more and that are yet to be applied."""
        self._right.apply_late()
        return _count(write.xid for late in self._right._late for write in late.writes)


def departs(trace: Trace, family: Family, creates: str) -> str:
    """Where this family's part of a trace is no run of the model, or "". `family`: the record first."""
    shape = Shape((None, *(0 for _ in family[1:])), creates)
    states, shown = {_first(len(family))}, None
    for at, one in enumerate(trace):
        if one == KILLED:
            states = {s.all(at="") for s in _unseen(shape, states, shown, shown)} if shown else states
            continue
        assert isinstance(one, Picture)
        now = tuple(_of(one, *item) for item in family)
        world = (one.wave, one.stage, one.hold)
        states = set(_until(shape, states, shown, (now, world)))
        if not states:
            before = trace[at - 1]
            point = before if isinstance(before, str) else before.point
            return f"{family[0][1]} after {point}: {shown} is not followed by {one.point}: {(now, world)}"
        shown = (now, world)
    return ""


Shown = tuple[tuple[Of, ...], tuple[str, int, bool]]


def _first(n: int) -> State:
    return State(tuple(Item() for _ in range(n)), faults=ENOUGH, runs=ENOUGH)


def _of(picture: Picture, entity: str, key: str, xid: str) -> Of:
    entry, target = picture.entries.get((entity, key), ("", False))
    slot = (entity, key)
    sides = (key in picture.source, picture.copies.get(xid, 0), picture.late.get(xid, 0), xid in picture.edited)
    return Of(*sides, entry, target, slot in picture.intents, slot in picture.undo)


def _show(s: State) -> Shown:
    items = tuple(Of(o.source, o.copies, o.late, o.edited, o.entry, o.target, o.intent, o.undo) for o in s.items)
    return items, (s.wave, s.stage, s.hold)


def _sides(shown: Shown) -> tuple[tuple[object, ...], ...]:
    return tuple(of[:4] for of in shown[0])


def _ledger(shown: Shown) -> object:
    return tuple(of[4:] for of in shown[0]), shown[1]


def _between(s: Shown, before: Shown | None, then: Shown) -> bool:
    """Each side stands as in one picture or the other; a create that comes late may have been on its way."""
    if before is None:
        return True
    for one, was, will in zip(s[0], before[0], then[0], strict=True):
        if one.source not in (was.source, will.source) or one.edited not in (was.edited, will.edited, False):
            return False
        if one.copies > max(was.copies, will.copies) or one.late > max(was.late, will.late, 1):
            return False
    return True


@lru_cache(maxsize=100_000)
def _moves(shape: Shape, s: State) -> tuple[tuple[State, Shown], ...]:
    """What may be next, as the model says, for a family that is not alone in its wave."""
    found = [t._replace(faults=ENOUGH, runs=ENOUGH) for _, t in after(shape, s, _LIVING)]
    # Another record of the wave may be the one that has to be looked for.
    found += [t._replace(stage=0) for t in found if t.stage and s.wave != "rolling_back"]
    if s.hold:  # calls that were on their way when it came find their end
        free = s._replace(hold=False, told=False)
        for i, one in enumerate(s.items):
            ended = (t for step in _CALLS for _, t in step(shape, free, i) if one.at)
            found += [t._replace(hold=True, told=True, faults=ENOUGH) for t in ended]
    if not s.hold:  # a pause that comes when nothing is done changes nothing else
        found.append(s._replace(hold=True, told=True))
    if s.wave == "working" and not s.chunk and not any(one.entry or one.intent or one.at for one in s.items):
        found.append(s._replace(wave="new"))  # the check before a run found something
    if s.wave == "rolling_back" and s.stage and not any(one.entry or one.target for one in s.items):
        found.append(s.put(0, passed=True))  # it has no line, so nobody looks for it, under a hold or not
    if s.wave == "rolling_back" and s.stage:  # what hangs on it and was never created is forgotten by itself, later
        for i, one in enumerate(s.items):
            if i and one.entry and not one.target:
                found += [t.put(i, entry=one.entry) for t in found if not t.items[i].entry]
                found.append(s.put(i, entry=""))
    if not s.items[0].at:  # the batch is written anew, without it
        found += [s.put(i, undo=False) for i, one in enumerate(s.items) if one.undo]
    return tuple((t, _show(t)) for t in found if not t.harm)


_CALLS = (send, resolve, remove)
_LIVING = {name: step for name, step in STEPS.items() if name != "kill"}  # a trace says when


def _unseen(shape: Shape, states: set[State], before: Shown | None, then: Shown) -> set[State]:
    """All that may have become of them while the ledger stood still."""
    came, new = set(states), list(states)
    while new:
        s = new.pop()
        still = _ledger(_show(s))
        for t, shown in _moves(shape, s):
            if t not in came and _ledger(shown) == still and _between(shown, before, then):
                came.add(t)
                new.append(t)
    return came


def _until(shape: Shape, states: set[State], before: Shown | None, then: Shown) -> Iterator[State]:
    """Those that show the next picture. What one write made durable may be several steps: of all its records."""
    came = {s for s in _unseen(shape, states, before, then) if _sides(_show(s)) == _sides(then)}
    for _ in range(2 * len(then[0]) + 2):
        yield from (s for s in came if _show(s) == then)
        came = {t for s in came for t, shown in _moves(shape, s) if _sides(shown) == _sides(then)} - came
        if not came:
            return


def _count(xids: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for xid in xids:
        counts[xid] = counts.get(xid, 0) + 1
    return counts
