"""What the records of one entity are like, before they move: counts of what may go wrong. Pure, in bounded memory.

Values are looked at and let go. Two things are held: values outside a map, so many, for whom asks to see them; and keys
that are referred to, so many, to ask the source whether they exist.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.kit.contract import Record
from engine.flow import Flow
from engine.mapping import Mapped, Ref
from engine.mapping.remedies import DefectFailed
from engine.mapping.values import Getter, Refusal, getter, is_empty, text_of
from engine.masks import masked
from engine.sketches import Distinct, Keys, Lengths
from engine.spread import Spread
from engine.wire import OutsideValue, ProfiledEntity, ProfiledField, ProfiledLength, ProfiledMap, ProfiledTie
from runbooks.playbook import Child, EntityPair
from runbooks.rules import AnyRule, ListOf, ValueMap, When

LOOKED_UP = 2_000  # keys of a tie that are asked for
_HELD = 1_000  # different values outside a map
_LONG = 200  # characters of each that are held
_SHOWN = 20
_OBJECT = "(object)"

# UTF-8 that somebody read as Latin-1 or Windows-1252, and stored.
_MOJIBAKE = re.compile("Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œ¡-¿]|â€[\x80-\xbf™œ“”˜¦¢]|Â[\xa0-\xbf]|ï»¿")


class _Everybody(dict[str, str | None]):
    """People at the target: everybody is known there."""

    def get(self, person: str, default: Any = None) -> str:
        return person


class _Column:
    """One source field."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read: Getter = getter(name)
        self._present = self._replaced = self._nul = self._mojibake = 0
        self._distinct, self._lengths = Distinct(), Lengths()

    def add(self, fields: Mapping[str, Any]) -> None:
        value = self.read(fields)
        if is_empty(value):
            return
        self._present += 1
        texts = list(_texts(value))
        for text in texts:
            self._distinct.add(text)
            self._lengths.add(len(text))
        if all(map(str.isascii, texts)):
            self._nul += any("\x00" in text for text in texts)
            return
        self._nul += any("\x00" in text for text in texts)
        self._replaced += any("\ufffd" in text for text in texts)
        self._mojibake += any(_MOJIBAKE.search(text) is not None for text in texts)

    def told(self, records: int) -> ProfiledField:
        distinct, exact = self._distinct.count()
        return ProfiledField(
            field=self.name,
            empty=records - self._present,
            distinct=min(distinct, len(self._lengths)),  # an estimate may be beyond what there is
            exact=exact,
            median=self._lengths.median(),
            longest=self._lengths.longest,
            replaced=self._replaced,
            nul=self._nul,
            mojibake=self._mojibake,
        )


class _Mapping:
    """One rule that maps values."""

    def __init__(self, target: str, rule: ValueMap) -> None:
        self._target, self._rule = target, rule
        self._read = getter(rule.from_)
        self._records = 0
        self._values: Counter[tuple[str, int]] = Counter()  # its beginning, and its length

    def add(self, fields: Mapping[str, Any]) -> None:
        outside = [text for text in _texts(self._read(fields)) if text and text not in self._rule.map]
        self._records += bool(outside)
        for text in outside:
            value = (text[:_LONG], len(text))
            if value in self._values or len(self._values) < _HELD:
                self._values[value] += 1

    def told(self, plainly: bool) -> ProfiledMap:
        shown: Counter[str] = Counter()
        for (text, length), n in self._values.items():
            rest = f"… ({length:,} characters)" if length > _LONG else ""
            shown[f"{text}{rest}" if plainly else masked(text, length)] += n
        otherwise = self._rule.else_
        return ProfiledMap(
            field=self._rule.from_,
            target=self._target,
            otherwise=otherwise if otherwise in ("quarantine", "keep", "drop") else "another",
            records=self._records,
            values=[OutsideValue(value=value, records=n) for value, n in shown.most_common(_SHOWN)],
        )


class _Length:
    """One target field that takes so many characters."""

    def __init__(self, target: str, limit: int) -> None:
        self.target, self._limit = target, limit
        self._records = self._longest = 0

    def add(self, value: Any) -> None:
        length = max(
            (len(item) for item in (value if isinstance(value, list) else (value,)) if type(item) is str), default=0
        )
        self._records += length > self._limit
        self._longest = max(self._longest, length)

    def told(self) -> ProfiledLength:
        return ProfiledLength(target=self.target, limit=self._limit, records=self._records, longest=self._longest)


class Tied:
    """References of one kind."""

    def __init__(self) -> None:
        self.ends = Keys()
        self.asked: Counter[str] = Counter()  # of the first of them, how often each comes

    def add(self, key: str) -> None:
        self.ends.add(key)
        if key in self.asked or len(self.asked) < LOOKED_UP:
            self.asked[key] += 1


class EntityProfile:
    """Takes pages of records, and tells what it counted. `limits`: characters that the target's fields take.
    `pair`: the rules of the records, or of what hangs on them."""

    def __init__(self, flow: Flow, pair: EntityPair | Child, limits: Mapping[str, int]) -> None:
        self.flow = flow
        self.spread: Spread | None = None  # of what hangs on records
        if isinstance(pair, Child):
            self.spread = Spread(files=flow.has_content, texts=pair.body is not None or "body" in pair.fields)
        self.keys = Keys()
        self.ties: dict[tuple[str, str], Tied] = defaultdict(Tied)  # by name, and where they lead
        self._labels = Keys()
        self._label = getter(flow.label) if flow.label else None
        self._columns = {name: _Column(name) for name in flow.mapper.needs}
        self._maps = [_Mapping(target, rule) for target, rule in _value_maps(pair)]
        self._lengths = [_Length(name, limit) for name, limit in limits.items() if name in flow.mapper.makes]
        self._defects: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def add(self, records: Sequence[Record]) -> None:
        for record, mapped in zip(records, self.flow.mapper.map(records, _Everybody()), strict=True):
            self.keys.add(record.key)
            if self._label is not None and not is_empty(label := self._label(record.fields)):
                self._labels.add("\x1f".join(_texts(label)))
            for column in self._columns_of(record):
                column.add(record.fields)
            self._look_at_maps(record)
            self._defects.update(mapped.defects)
            if isinstance(mapped, Mapped):
                self._look_at_target(mapped)
            else:
                self._refused[mapped.cause] += 1

    def told(
        self, *, whole: bool, plainly: bool, ties: Mapping[tuple[str, str], tuple[int, int, str]]
    ) -> ProfiledEntity:
        """`ties`: (looked up, orphans, by what) of each kind."""
        n = len(self.keys)
        return ProfiledEntity(
            entity=self.flow.name,
            system=self.flow.source_system,
            records=n,
            whole=whole,
            twice=self.keys.again(),
            label=self.flow.label,
            same_label=self._labels.again(),
            fields=[column.told(n) for column in self._columns.values()],
            maps=[each.told(plainly) for each in self._maps],
            lengths=[each.told() for each in self._lengths],
            ties=[
                ProfiledTie(
                    tie=name,
                    to=to,
                    references=len(self.ties[name, to].ends),
                    looked_up=looked_up,
                    orphans=orphans,
                    by=by,
                )
                for (name, to), (looked_up, orphans, by) in ties.items()
            ],
            defects=dict(self._defects.most_common()),
            refused=dict(self._refused.most_common()),
            hanging=self.spread.told() if self.spread else None,
        )

    # ------------------------------------------------------------ inside

    def _columns_of(self, record: Record) -> Sequence[_Column]:
        if not self.flow.mapper.needs:  # no rule names a field: all of them go
            for name in record.fields:
                if name not in self._columns:
                    self._columns[name] = _Column(name)
        return list(self._columns.values())

    def _look_at_maps(self, record: Record) -> None:
        try:
            fields = self.flow.mapper.remedied(record).fields
        except DefectFailed:
            return  # the rules refuse it, and say why
        for each in self._maps:
            each.add(fields)

    def _look_at_target(self, mapped: Mapped) -> None:
        if self.spread is not None:
            self.spread.look(mapped)
        for each in self._lengths:
            each.add(mapped.fields.get(each.target))
        for ref in mapped.refs:
            self.ties[_name(ref), ref.to_entity].add(ref.key)


def _name(ref: Ref) -> str:
    return f"{ref.kind} {ref.name}"


def _texts(value: Any) -> Iterator[str]:
    """A value as texts: one, or one an item."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif not is_empty(value):
        try:
            yield text_of(value)
        except Refusal:
            yield _OBJECT


def _value_maps(pair: EntityPair | Child) -> Iterator[tuple[str, ValueMap]]:
    """(target field, rule) of every map, wherever in the rules it stands."""
    rules = dict(pair.fields)
    if isinstance(pair, Child):
        rules |= {"body": pair.body} if pair.body is not None else {}
    elif pair.status is not None:
        rules["status"] = pair.status.rule
    for target, rule in rules.items():
        for each in _maps_in(rule):
            yield target, each


def _maps_in(rule: AnyRule) -> Iterator[ValueMap]:
    if isinstance(rule, ValueMap):
        yield rule
    elif isinstance(rule, ListOf):
        for part in rule.rules:
            yield from _maps_in(part)
    elif isinstance(rule, When):
        for case in rule.cases:
            yield from _maps_in(case.then)
        if rule.else_ is not None:
            yield from _maps_in(rule.else_)
