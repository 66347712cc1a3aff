"""What hangs on records: comments by id and words, attachments by name, size and hash, links by both ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from connectors.kit.contract import Fields, Readback, Record, Standing
from connectors.kit.document import decoded
from engine.flow import Flow
from engine.mapping import Mapped, Ref, Refused
from engine.model import ASIDE, Bucket, Entry
from engine.verifier.findings import CHANGED, DUPLICATE, MISSING, Finding, Judgement
from engine.verifier.flows import Books, Hearing, WaveUnderTest
from engine.verifier.likeness import Likeness, is_nothing, likeness, spelled
from engine.verifier.people import Directory
from engine.verifier.reading import Traffic, comparable, either_way
from engine.verifier.words import readings

Bearer = tuple[Record, Entry, Mapped | Refused, Mapping[Ref, str]]
"""A record that is there: as read, its entry, as mapped, and the other ends of its ties."""

_NAME = ("filename", "file_name", "name")
_SIZE = ("size", "size_bytes", "byteSize", "length")
_HASH = ("sha256", "hash")


class File(NamedTuple):
    """An attachment as a person tells it from others. None: not told."""

    name: str
    size: str | None
    hash: str | None

    def like(self, other: File) -> bool:
        pairs = ((self.size, other.size), (self.hash, other.hash))
        return self.name == other.name and all(a == b for a, b in pairs if a is not None and b is not None)


class Hanging:
    """Judges what hangs on records of one entity."""

    def __init__(
        self, hearing: Hearing, books: Books, wave: WaveUnderTest, flow: Flow, traffic: Traffic, people: Directory
    ) -> None:
        self._hearing = hearing
        self._books = books
        self._wave = wave
        self._flow = flow
        self._traffic = traffic
        self._people = people
        self._target = cast(Readback, flow.target)
        self._links = sorted({tie.link for tie in (flow.ties or {}).values() if tie.link})
        self._me: str | None = None

    async def learn(self) -> None:
        for entity in [child.target_entity for child in self._flow.children] + (["link"] if self._links else []):
            await self._hearing.ask(self._target.learn, entity)

    async def judge(self, bearers: Sequence[Bearer]) -> Judgement:
        judged = Judgement()
        if bearers:
            for child in self._flow.children:
                judged.add(await self._children(child, bearers))
            judged.findings += await self._ties(bearers)
        return judged

    # ------------------------------------------------------------ comments, attachments

    async def _children(self, child: Flow, bearers: Sequence[Bearer]) -> Judgement:
        judged = Judgement()
        parents = {record.key: entry.target for record, entry, _, _ in bearers}
        records = await self._hearing.ask(child.source.children, child.scope(), list(parents))
        expected = await self._expected(child, records)
        there: dict[str, list[Standing]] = defaultdict(list)
        for standing in await self._hearing.ask(
            self._target.hanging, self._flow.target_entity, child.target_entity, list(parents.values())
        ):
            there[standing.parent].append(standing)
        signed = any(standing.xid for some in there.values() for standing in some)
        mapped = child.mapper.map(expected, await self._people.of(child, expected))
        wanted: dict[str, list[tuple[Record, Mapped | Refused]]] = defaultdict(list)
        for record, one in zip(expected, mapped, strict=True):
            wanted[record.parent].append((record, one))
        for key, target in parents.items():
            asked, shown = wanted[key], there[target]
            if signed:
                judged.add(self._by_id(child, key, asked, shown))
            else:
                judged.findings += await self._by_look(child, key, asked, shown)
        return judged

    async def _expected(self, child: Flow, records: Sequence[Record]) -> list[Record]:
        """Those that should be there. One that the ledger does not know is lost, unless its parent is on its way."""
        known = await self._books.known(child.entity, [record.key for record in records])
        expected = []
        for record in records:
            entry = known.get(record.key)
            if entry is None:
                if self._wave.loaded and record.parent not in await self._traffic.keys():
                    expected.append(record)
            elif entry.bucket not in ASIDE and entry.bucket is Bucket.SYNCED and entry.version == record.version:
                expected.append(record)
        return expected

    def _by_id(
        self, child: Flow, parent: str, asked: Sequence[tuple[Record, Mapped | Refused]], shown: Sequence[Standing]
    ) -> Judgement:
        judged = Judgement()
        by_xid = {standing.xid: standing for standing in shown if standing.xid}
        counts = Counter(standing.xid for standing in shown if standing.xid)
        for record, mapped in asked:
            xid = child.xid(record.key)
            standing = by_xid.get(xid)
            if standing is None:
                judged.findings.append(Finding(child.name, record.key, MISSING, "", parent))
                continue
            if counts[xid] > 1:
                judged.findings.append(Finding(child.name, record.key, DUPLICATE, "", parent))
            for name in _unlike(child, mapped, standing, judged):
                judged.findings.append(Finding(child.name, record.key, CHANGED, name, parent))
        return judged

    async def _by_look(
        self, child: Flow, parent: str, asked: Sequence[tuple[Record, Mapped | Refused]], shown: Sequence[Standing]
    ) -> list[Finding]:
        """Where nothing carries an id: each of the source's against one that looks the same."""
        findings: list[Finding] = []
        left = list(shown)
        lacking: list[tuple[Record, Mapped]] = []
        matched: list[Standing] = []
        for record, mapped in asked:
            if isinstance(mapped, Refused):
                continue
            same = next((one for one in left if _looks_like(mapped.fields, one.fields)), None)
            if same is None:
                lacking.append((record, mapped))
            else:
                left.remove(same)
                matched.append(same)
        for record, mapped in lacking:
            namesake = next((one for one in left if _same_name(mapped.fields, one.fields)), None)
            if namesake is None:
                findings.append(Finding(child.name, record.key, MISSING, "", parent))
            else:
                left.remove(namesake)
                findings.append(Finding(child.name, record.key, CHANGED, "content", parent))
        twins = [one for one in left if any(_looks_like(other.fields, one.fields) for other in matched)]
        if twins:
            me = await self._myself()
            findings += [Finding(child.name, one.target, DUPLICATE, "", parent) for one in twins if one.by == me]
        return findings

    async def _myself(self) -> str:
        if self._me is None:
            self._me = await self._hearing.ask(self._target.me)
        return self._me

    # ------------------------------------------------------------ links

    async def _ties(self, bearers: Sequence[Bearer]) -> list[Finding]:
        linked = [bearer for bearer in bearers if any(ref.kind == "link" for ref in bearer[3])]
        if not linked:
            return []
        targets = [entry.target for _, entry, _, _ in linked]
        there = await self._hearing.ask(self._target.hanging, self._flow.target_entity, "link", targets)
        shown = {_tie(one.fields.get("type"), one.fields.get("from"), one.fields.get("to")) for one in there}
        shown |= {(kind, other, one) for kind, one, other in shown if either_way(self._flow, kind)}
        return [
            Finding(self._flow.name, record.key, MISSING, f"link {ref.name}", record.key)
            for record, entry, _, ends in linked
            for ref, end in ends.items()
            if ref.kind == "link" and end != entry.target and _tie(ref.name, entry.target, end) not in shown
        ]


def _tie(kind: Any, one: Any, other: Any) -> tuple[str, str, str]:
    """A link as the end that it starts at shows it."""
    return str(kind).casefold(), str(one), str(other)


# ---------------------------------------------------------------- one child


def _unlike(child: Flow, mapped: Mapped | Refused, standing: Standing, judged: Judgement) -> Iterator[str]:
    if isinstance(mapped, Refused):
        yield mapped.field
        return
    if (one := _file(mapped.fields)) and (other := _file(standing.fields)):
        if not one.like(other):
            yield "content" if one.name == other.name else "name"
        return
    for name, value in mapped.fields.items():
        shown = standing.fields.get(name)
        found = likeness(value, shown, "rich_text" if isinstance(shown, str | Mapping) else "")
        if found is Likeness.OTHER and is_nothing(shown) and not comparable(child, name, value):
            found = Likeness.UNTOLD
        if found is Likeness.OTHER:
            yield name
        elif found is Likeness.UNTOLD:
            judged.untold.add(name)


def _looks_like(wanted: Fields, there: Fields) -> bool:
    if (one := _file(wanted)) and (other := _file(there)):
        return one.like(other)
    asked, shown = _texts(wanted.values()), _texts(there.values())
    return bool(asked and shown) and (asked <= shown or shown <= asked)


def _same_name(wanted: Fields, there: Fields) -> bool:
    one, other = _file(wanted), _file(there)
    return one is not None and other is not None and one.name == other.name


def _file(fields: Fields) -> File | None:
    name = _first(fields, _NAME)
    size = _first(fields, _SIZE)
    return File(name, size, _first(fields, _HASH)) if name and (size is not None or _first(fields, _HASH)) else None


def _first(fields: Fields, names: Iterable[str]) -> str | None:
    return next((spelled(fields[name]) for name in names if not is_nothing(fields.get(name))), None)


def _texts(values: Iterable[Any]) -> set[str]:
    return {reading for value in values if not is_nothing(value) for reading in readings(decoded(value))}
