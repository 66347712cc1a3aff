"""The stores behind the connector: tables of records, a log of what changed, people, bytes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from connectors.kit.contract import Clock, FieldInfo, Fields, Record, Touch, Write, Written
from connectors.memory.faults import Faults
from connectors.memory.generated import Generated, key_of

_KEY = attrgetter("key")
_LONG_AGO = 0.0
ME = "cutover"  # who the connector is
SOMEBODY = "somebody"  # who changes records by hand, when nobody says
_new = tuple.__new__  # skips the argument parsing of a NamedTuple: half of the cost of a create


class Logged(NamedTuple):
    """One change. `at` is seconds since 1970 by the store's clock, 0 when no one was connected yet."""

    at: float
    number: int
    key: str
    deleted: bool


class Late(NamedTuple):
    """A call whose answer was lost and which is applied at `due` only."""

    due: float
    apply: Callable[[], object]


class Table:
    """The records of one entity. Stored records lie over generated ones of the same key."""

    def __init__(self) -> None:
        self.rows: dict[str, Record] = {}
        self.keys: list[str] = []  # of rows, sorted
        self.removed: set[str] = set()  # generated keys that are gone
        self.generated: Generated | None = None
        self.log: list[Logged] = []
        self.owner: dict[str, str] = {}  # xid -> the first record that carries it
        self.again: dict[str, list[str]] = {}  # xid -> further records that carry it
        self.xids: dict[str, str] = {}  # key -> xid
        self.hanging: dict[str, list[str]] = defaultdict(list)  # parent -> keys, oldest first
        self.names: set[str] = set()
        self.declared: list[FieldInfo] = []
        self.counted = 0  # creates that were counted and not kept

    def __len__(self) -> int:
        if self.generated is None:
            return len(self.rows)
        over = sum(1 for key in self.rows if self.generated.index(key) is not None)
        return self.generated.count - over - len(self.removed) + len(self.rows)

    def get(self, key: str) -> Record | None:
        row = self.rows.get(key)
        if row is not None or self.generated is None or key in self.removed:
            return row
        number = self.generated.index(key)
        return None if number is None else self.generated.records(number, number + 1)[0]

    def put(self, record: Record) -> None:
        key = record.key
        if key not in self.rows:
            if not self.keys or key > self.keys[-1]:
                self.keys.append(key)
            else:
                insort(self.keys, key)
            if record.parent:
                self.hanging[record.parent].append(key)
            self.removed.discard(key)
        self.rows[key] = record
        if not record.fields.keys() <= self.names:
            self.names.update(record.fields)

    def remove(self, key: str) -> bool:
        there = self.get(key)
        if there is None:
            return False
        if key in self.rows:
            del self.rows[key]
            del self.keys[bisect_right(self.keys, key) - 1]
            if there.parent:
                self.hanging[there.parent].remove(key)
        if self.generated is not None and self.generated.index(key) is not None:
            self.removed.add(key)
        self._disown(key)
        return True

    def slice(self, after: str, upto: str, limit: int, names: Sequence[str]) -> tuple[list[Record], str]:
        """Up to `limit` records with after < key <= upto ("": no end), in key order, and the key to go on from.

        That key is "" at the end. `names` are the fields wanted (empty: all).
        """
        first = bisect_right(self.keys, after)
        end = bisect_right(self.keys, upto) if upto else len(self.keys)
        stored = narrow([self.rows[key] for key in self.keys[first : min(end, first + limit)]], names)
        if self.generated is None:
            return stored, stored[-1].key if end - first > limit else ""
        start = self.generated.after(after)
        stop = self.generated.after(upto) if upto else self.generated.count
        made = self.generated.records(start, min(stop, start + limit), names)
        bound = made[-1].key if stop - start > limit else ""
        if first == end and not self.removed:
            return made, bound
        visible = [record for record in made if record.key not in self.rows and record.key not in self.removed]
        merged = sorted(visible + [row for row in stored if not bound or row.key <= bound], key=_KEY)
        if len(merged) > limit or end - first > limit:
            return merged[:limit], merged[:limit][-1].key
        return merged, bound

    def all_names(self) -> set[str]:
        return self.names | self.generated.names if self.generated else self.names

    def borders(self, parts: int) -> list[str]:
        """At most parts - 1 keys that cut the table into pieces of about equal size."""
        count = self.generated.count if self.generated else len(self.keys)
        cuts = sorted({count * part // parts for part in range(1, parts)} - {0})
        return [key_of(cut - 1) if self.generated else self.keys[cut - 1] for cut in cuts]

    def own(self, key: str, xid: str) -> None:
        self.xids[key] = xid
        if self.owner.setdefault(xid, key) != key:
            self.again.setdefault(xid, []).append(key)

    def sign(self, key: str, xid: str) -> None:
        """Give this record another external id; "": none."""
        if self.xids.get(key, "") != xid:
            self._disown(key)
            if xid:
                self.own(key, xid)

    def created(self, key: str) -> float:
        """When a connector created this record: its key is the number of that change."""
        return self.log[bisect_left(self.log, int(key), key=lambda entry: entry.number)].at

    def _disown(self, key: str) -> None:
        xid = self.xids.pop(key, None)
        if xid is None:
            return
        others = self.again.get(xid, [])
        if key in others:
            others.remove(key)
        elif others:
            self.owner[xid] = others.pop(0)
        else:
            del self.owner[xid]


class Store:
    """One system in memory. All methods are for one thread; records handed out are shared: do not change them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tables: dict[str, Table] = defaultdict(Table)
        self.people: dict[str, str] = {}  # e-mail (lower case) -> id
        self.contents: dict[str, bytes] = {}  # key of an attachment -> its bytes
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.clock: Clock | None = None  # of the connector that connected last
        self.writers: dict[tuple[str, str], str] = {}  # (entity, key) -> who wrote it last; not there: the connector
        self.touches: dict[str, Touch] = {}  # key -> the newest change of it, or on it, by anybody but the connector
        self.denied: set[str] = set()  # operations that the account may not do: read incident, create issue
        self._number = 0
        self._late: list[Late] = []

    # ------------------------------------------------------------ for tests and benchmarks

    def generate(self, count: int, entity: str = "incident") -> None:
        """`count` synthetic incidents, made on read; edits and removals lie over them."""
        self.tables[entity].generated = Generated(count)

    def fill(self, entity: str, records: Iterable[Record]) -> None:
        """Many records at once, without changes in the feed."""
        table = self.tables[entity]
        for record in sorted(records, key=_KEY):
            table.put(record)

    def put(
        self,
        entity: str,
        key: str,
        fields: Fields,
        *,
        parent: str = "",
        content: bytes | None = None,
        by: str = SOMEBODY,
    ) -> Record:
        """Insert this record, or replace it. Returns it with its new version."""
        record = Record(key, self._log(entity, key), dict(fields), parent)
        self.tables[entity].put(record)
        if content is not None:
            self.contents[key] = content
        self._touch(entity, record, by)
        return record

    def edit(self, entity: str, key: str, fields: Fields, *, by: str = SOMEBODY) -> Record:
        """Change these fields of a record, as a user would. KeyError when it is not there."""
        there = self.tables[entity].get(key)
        if there is None:
            raise KeyError(f"{entity} {key} is not in the store {self.name}")
        return self.put(entity, key, {**there.fields, **fields}, parent=there.parent, by=by)

    def remove(self, entity: str, key: str, *, by: str = SOMEBODY) -> bool:
        """Remove a record; False when it was gone."""
        there = self.tables[entity].get(key)
        if there is None:
            return False
        self.tables[entity].remove(key)
        self._log(entity, key, deleted=True)
        self.contents.pop(key, None)
        self._touch(entity, there, by)
        return True

    def get(self, entity: str, key: str) -> Record | None:
        self.apply_late()
        return self.tables[entity].get(key)

    def records(self, entity: str) -> list[Record]:
        """All records in key order (generated ones included: mind the memory)."""
        self.apply_late()
        table = self.tables[entity]
        return table.slice("", "", len(table.rows) + (table.generated.count if table.generated else 0) + 1, ())[0]

    def count(self, entity: str) -> int:
        """Records of an entity; with `keep: false`, creates that came in."""
        self.apply_late()
        return len(self.tables[entity]) + self.tables[entity].counted

    def copies(self, entity: str) -> dict[str, int]:
        """How many records carry each external id: more than one is a duplicate."""
        self.apply_late()
        table = self.tables[entity]
        return {xid: 1 + len(table.again.get(xid, ())) for xid in table.owner}

    def declare(self, entity: str, fields: Sequence[FieldInfo]) -> None:
        """What `schema` says about an entity, instead of what its records look like."""
        self.tables[entity].declared = list(fields)

    # ------------------------------------------------------------ for the connector

    @property
    def number(self) -> int:
        """The number of the last change."""
        return self._number

    def at(self) -> float:
        return self.clock.now().timestamp() if self.clock else _LONG_AGO

    def create(
        self, entity: str, writes: Iterable[Write], contents: Mapping[str, bytes] = {}, *, at: float | None = None
    ) -> list[Written]:
        """Append a record for each write; external ids that are there already make duplicates, as in most systems."""
        table, number = self.tables[entity], self._number
        at = self.at() if at is None else at
        rows, keys, log, xids, owner = table.rows, table.keys, table.log, table.xids, table.owner
        done: list[Written] = []
        for xid, fields, _, parent, _ in writes:
            number += 1
            key = f"{number:012d}"
            rows[key] = _new(Record, (key, key, fields.copy(), parent))
            if not keys or key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
            log.append(_new(Logged, (at, number, key, False)))
            if parent:
                table.hanging[parent].append(key)
            if xid in owner:
                table.own(key, xid)
            else:
                owner[xid] = key
                xids[key] = xid
            if not fields.keys() <= table.names:
                table.names.update(fields)
            done.append(_new(Written, (xid, key, True)))
        self._number = number
        if contents:
            self.contents.update((written.target, contents[written.xid]) for written in done if written.xid in contents)
        return done

    def later(self, seconds: float, apply: Callable[[], object]) -> None:
        self._late.append(Late(self.at() + seconds, apply))

    def create_late(self, entity: str, writes: Sequence[Write], seconds: float, *, once: bool) -> None:
        """`once`: an upsert, what is there by then is left alone."""
        due, owner = self.at() + seconds, self.tables[entity].owner
        self.later(
            seconds,
            lambda: self.create(entity, [write for write in writes if not (once and write.xid in owner)], at=due),
        )

    def apply_late(self) -> None:
        """Apply the late calls that are due."""
        if not self._late:
            return
        now = self.at()
        due = [late for late in self._late if late.due <= now]
        self._late = [late for late in self._late if late.due > now]
        for late in due:
            late.apply()

    def _touch(self, entity: str, record: Record, by: str) -> None:
        """Keep who changed this record, and so what it hangs on."""
        if by == ME:
            self.writers.pop((entity, record.key), None)
            return
        self.writers[(entity, record.key)] = by
        touch = Touch(by, datetime.fromtimestamp(self.at(), UTC))
        for key in (record.key, record.parent):
            if key:
                self.touches[key] = touch

    def _log(self, entity: str, key: str, *, deleted: bool = False) -> str:
        self._number += 1
        self.tables[entity].log.append(Logged(self.at(), self._number, key, deleted))
        return f"{self._number:012d}"


_stores: dict[str, Store] = {}


def store(name: str) -> Store:
    """The store of this name in this process, made when it is not there."""
    if name not in _stores:
        _stores[name] = Store(name)
    return _stores[name]


def forget(name: str) -> None:
    """Drop a store and all that is in it."""
    _stores.pop(name, None)


def narrow(records: list[Record], names: Sequence[str]) -> list[Record]:
    """The records with these fields only (empty: all)."""
    if not names:
        return records
    return [
        _new(Record, (key, version, {name: fields[name] for name in names if name in fields}, parent))
        for key, version, fields, parent in records
    ]


def field_type(value: Any) -> str:
    """The contract's word for a value of this kind."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "string"
