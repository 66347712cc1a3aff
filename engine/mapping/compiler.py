"""Rules to plain functions, once: a record then passes through them with nothing left to interpret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.kit.document import Document
from engine.expressions import ExpressionError, compile_expression
from engine.mapping import convert, template
from engine.mapping.dates import date_converter, duration_converter
from engine.mapping.values import (
    ABSENT,
    DROPPED,
    Absent,
    Getter,
    Make,
    People,
    Ref,
    Refusal,
    getter,
    identity_of,
    is_empty,
    text_of,
)
from engine.richtext import LIMIT, converter, encoder, plain, writer
from engine.richtext.builder import Node
from runbooks.rules import (
    AnyRule,
    BaseRule,
    Boolean,
    Cel,
    Constant,
    Date,
    Duration,
    FromRule,
    Join,
    ListOf,
    Number,
    Person,
    Rename,
    RichText,
    Split,
    Template,
    ToReference,
    ValueMap,
    When,
)

Path = tuple[str | int, ...]


@dataclass
class Compiler:
    """Compiles the rules of one entity and notes what they need. `problems` are sentences with file:line:column.

    `documents`: the target takes rich text encoded.
    """

    where: Callable[[Path], str]
    secret: bytes
    documents: bool = False
    problems: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    reference_fields: dict[str, str] = field(default_factory=dict)  # target field: the entity it refers to

    def rule(self, rule: AnyRule, path: Path, target: str) -> Make:
        """One rule as a function; `target` is the field it makes."""
        if rule.mask == "drop":
            return lambda fields, people, refs: DROPPED
        make = _finished(self._made(rule, path, target), rule, self._masker(rule))
        if rule.has_default:
            return _with_default(make, rule.default)
        return make

    def _made(self, rule: AnyRule, path: Path, target: str) -> Make:
        if isinstance(rule, FromRule):
            return self._from(rule, target)
        if isinstance(rule, Constant):
            constant = rule.constant
            return lambda fields, people, refs: constant
        if isinstance(rule, Template):
            return self._template(rule)
        if isinstance(rule, Cel):
            run = self.expression(rule.cel, (*path, "cel"))
            return lambda fields, people, refs: ABSENT if is_empty(value := run(fields, people, refs)) else value
        if isinstance(rule, ListOf):
            return _listed([self.rule(part, (*path, "list", n), target) for n, part in enumerate(rule.rules)])
        return self._when(rule, path, target)

    # ------------------------------------------------------------ one source field

    def _from(self, rule: FromRule, target: str) -> Make:
        self.needs.add(rule.from_)
        read = getter(rule.from_)
        if isinstance(rule, Rename):
            return _renamed(rule.from_, read)
        if isinstance(rule, ValueMap):
            return _mapped(rule, read)
        if isinstance(rule, Person):
            self.people.add(rule.from_)
            return _person(rule, read)
        if isinstance(rule, ToReference):
            self.references.add(rule.from_)
            self.reference_fields[target] = rule.reference.to
            return _reference(rule, read, target)
        return _converted(read, self._conversion(rule))

    def _conversion(self, rule: FromRule) -> Callable[[Any], Any]:
        if isinstance(rule, RichText):
            return _text_converter(rule, self.documents)
        if isinstance(rule, Date):
            return date_converter(rule.date)
        if isinstance(rule, Duration):
            return duration_converter(rule.duration)
        if isinstance(rule, Split):
            return convert.splitter(rule.split)
        if isinstance(rule, Join):
            return convert.joiner(rule.join)
        if isinstance(rule, Number):
            return convert.whole_number if rule.number == "int" else convert.decimal_number
        if isinstance(rule, Boolean):
            return convert.truth
        raise TypeError(f"no conversion for {type(rule).__name__}")

    # ------------------------------------------------------------ other sources

    def _template(self, rule: Template) -> Make:
        self.needs.update(template.fields(rule.template))
        if rule.rich_text is not None:
            write = _document if self.documents and rule.rich_text.to == "adf" else writer(rule.rich_text.to)
            fill = template.rich_template(rule.template, rule.rich_text.from_, write, _limit(rule))
        else:
            fill = template.text_template(rule.template)
        if rule.slug:
            return lambda fields, people, refs: ABSENT if (text := fill(fields)) is None else convert.slug(text)
        return lambda fields, people, refs: ABSENT if (value := fill(fields)) is None else value

    def expression(self, source: str, path: Path) -> Make:
        """An expression as a function; what is wrong with it is noted in `problems`."""
        try:
            expression = compile_expression(source, getter)
        except ExpressionError as error:
            self.problems.append(f"{self.where(path)}: {error}")
            return lambda fields, people, refs: ABSENT
        self.needs.update(expression.fields)
        run = expression.run
        return lambda fields, people, refs: run(fields)

    def _when(self, rule: When, path: Path, target: str) -> Make:
        cases = [
            (
                self.expression(case.if_, (*path, "when", number, "if")),
                self.rule(case.then, (*path, "when", number, "then"), target),
            )
            for number, case in enumerate(rule.cases)
        ]
        otherwise: Make = lambda fields, people, refs: ABSENT  # noqa: E731
        if rule.else_ is not None:
            otherwise = self.rule(rule.else_, (*path, "else"), target)

        def make(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
            for holds, then in cases:
                answer = holds(fields, people, refs)
                if answer is True:
                    return then(fields, people, refs)
                if answer is not False:
                    raise Refusal("an 'if' that is neither true nor false")
            return otherwise(fields, people, refs)

        return make

    def _masker(self, rule: BaseRule) -> Callable[[Any], Any] | None:
        if rule.mask is None:
            return None
        mask = convert.hasher(self.secret) if rule.mask == "hash" else lambda value: convert.REDACTED
        if isinstance(rule, RichText | Template) and rule.rich_text is not None and rule.rich_text.to == "adf":
            return lambda value: plain.read(mask(value))
        return mask


# ---------------------------------------------------------------- rules as functions


def _finished(make: Make, rule: BaseRule, mask: Callable[[Any], Any] | None) -> Make:
    """What may accompany any rule."""
    steps: list[Callable[[Any], Any]] = []
    if mask is not None:
        steps.append(mask)
    if rule.truncate is not None:
        steps.append(convert.truncater(rule.truncate))
    if not steps:
        return make

    def finished(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = make(fields, people, refs)
        if value is None or isinstance(value, Absent):
            return value
        for step in steps:
            value = step(value)
        return value

    return finished


def _limit(rule: RichText | Template) -> int | None:
    """Characters the target takes of a document; None where nothing is checked: no document, or it will be cut."""
    to_adf = rule.rich_text is not None and rule.rich_text.to == "adf"
    return LIMIT if to_adf and (rule.truncate is None or rule.truncate > LIMIT) else None


def _with_default(make: Make, default: Any) -> Make:
    def defaulted(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = make(fields, people, refs)
        return default if value is ABSENT else value

    return defaulted


def _renamed(name: str, read: Getter) -> Make:
    if "." in name:

        def walked(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
            value = read(fields)
            return ABSENT if is_empty(value) else value

        return walked

    def renamed(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = fields.get(name)
        return ABSENT if value is None or value in ("", [], {}) else value

    return renamed


def _mapped(rule: ValueMap, read: Getter) -> Make:
    table, otherwise = dict(rule.map), rule.else_

    def one(value: Any) -> Any:
        key = value if isinstance(value, str) else text_of(value)
        if key in table:
            return table[key]
        if otherwise == "quarantine":
            raise Refusal("value not in the map")
        if otherwise == "keep":
            return value
        return ABSENT if otherwise == "drop" else otherwise

    def mapped(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = read(fields)
        if is_empty(value):
            return table.get("", ABSENT)
        if isinstance(value, list | tuple):
            return [out for item in value if (out := one(item)) is not ABSENT] or DROPPED
        out = one(value)
        return DROPPED if out is ABSENT else out

    return mapped


def _person(rule: Person, read: Getter) -> Make:
    otherwise = rule.else_

    def one(value: Any, people: People) -> Any:
        person = identity_of(value)
        account = people.get(person)
        if account:
            return account
        if otherwise == "quarantine":
            raise Refusal("person not known at the target")
        if otherwise == "keep":
            return person
        return DROPPED if otherwise == "drop" else otherwise

    def found(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = read(fields)
        if is_empty(value):
            return ABSENT
        if isinstance(value, list | tuple):
            return [out for item in value if (out := one(item, people)) is not DROPPED] or DROPPED
        return one(value, people)

    return found


def _reference(rule: ToReference, read: Getter, target: str) -> Make:
    to = rule.reference.to

    def refer(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = read(fields)
        if is_empty(value):
            return ABSENT
        items = value if isinstance(value, list | tuple) else (value,)
        refs.extend(Ref(target, "field", to, identity_of(item)) for item in items)
        return DROPPED  # the second pass fills it in

    return refer


def _converted(read: Getter, change: Callable[[Any], Any]) -> Make:
    def converted(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = read(fields)
        return ABSENT if is_empty(value) else change(value)

    return converted


def _document(doc: Node) -> Document:
    return Document(orjson.dumps(doc))


def _text_converter(rule: RichText, documents: bool) -> Callable[[Any], Any]:
    source, target = rule.rich_text.from_, rule.rich_text.to
    change = converter(source, target)
    if documents and target == "adf":
        encode = encoder(source)
        change = lambda value: Document(encode(value))  # noqa: E731
    limit = _limit(rule)
    if source == "adf":
        return change if limit is None else lambda value: convert.check_length(change(value), limit)

    def changed(value: Any) -> Any:
        text = value if isinstance(value, str) else text_of(value)
        # No conversion makes text longer: short text needs no measuring.
        if limit is None or len(text) <= limit:
            return change(text)
        return convert.check_length(change(text), limit)

    return changed


def _listed(parts: list[Make]) -> Make:
    def listed(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        out: list[Any] = []
        for part in parts:
            value = part(fields, people, refs)
            if isinstance(value, list | tuple):
                out.extend(value)
            elif not is_empty(value):
                out.append(value)
        return out or ABSENT

    return listed
