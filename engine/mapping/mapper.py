"""From records of a source to what a target takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.kit.contract import Record
from engine.errors import EngineError
from engine.expressions import ExpressionFailed
from engine.mapping import convert
from engine.mapping.compiler import Compiler, Path
from engine.mapping.remedies import DefectFailed, Remedied, Remedies
from engine.mapping.values import (
    ABSENT,
    DROPPED,
    Absent,
    Make,
    Mapped,
    People,
    Ref,
    Refusal,
    Refused,
    Traced,
    getter,
    identity_of,
    is_empty,
)
from engine.mapping.words import in_words
from engine.richtext import TextError
from runbooks.defects import Defect
from runbooks.playbook import Child, EntityPair, StatusRule
from runbooks.playbook import Reference as Tie
from runbooks.rules import AnyRule, Constant


class MappingError(EngineError):
    """A playbook's mapping cannot be compiled. `problems`: one sentence each, with file:line:column."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class _Step(NamedTuple):
    """One target field."""

    name: str
    make: Make
    rule: AnyRule
    sources: tuple[str, ...]
    path: Path


class Mapper:
    """The compiled mapping of one entity. Holds no state between calls; may be used from several threads."""

    def __init__(
        self,
        *,
        fields: Sequence[_Step],
        status: _Step | None,
        status_fields: Sequence[_Step],
        ties: Sequence[Tie],
        children: Sequence[Mapper],
        compiler: Compiler,
        label: str,
        remedies: Remedies | None = None,
    ) -> None:
        """Use `compile_entity`."""
        self.needs = tuple(sorted(compiler.needs | {tie.from_ for tie in ties} | ({label} if label else set())))
        self.people = tuple(sorted(compiler.people))
        self.references = tuple(sorted(compiler.references | {tie.from_ for tie in ties}))
        self.makes = tuple(step.name for step in fields)
        self.constants = {step.name: step.rule.constant for step in fields if isinstance(step.rule, Constant)}
        self.ties = _tie_kinds(ties, compiler.reference_fields)
        self.children = tuple(children)
        self._fields = [(step.name, step.make) for step in fields]
        self._status = status.make if status else None
        self._status_fields = [(step.name, step.make) for step in status_fields]
        self._ties = [(tie, getter(tie.from_)) for tie in ties]
        self._steps = [*fields, *([status] if status else []), *status_fields]
        self._where = compiler.where
        self.has_defects = bool(remedies)
        self._remedies = remedies or None
        self._people_getters = [getter(name) for name in self.people]

    def people_in(self, records: Iterable[Record]) -> set[str]:
        """The people these records name, by their ids at the source."""
        found: set[str] = set()
        for record in records:
            fields = self._seen(record)
            for read in self._people_getters:
                value = read(fields)
                if is_empty(value):
                    continue
                for person in value if isinstance(value, list | tuple) else (value,):
                    try:
                        found.add(identity_of(person))
                    except Refusal:
                        continue  # `map` refuses the record and says why
        return found

    def _seen(self, record: Record) -> Mapping[str, Any]:
        """The fields as the rules see them; as they are where a defect cannot be told: `map` says why."""
        try:
            return self.remedied(record).fields
        except DefectFailed:
            return record.fields

    def remedied(self, record: Record) -> Remedied:
        """The fields as the rules see them, and the defects that the record has. Raises DefectFailed."""
        return self._remedies.apply(record.fields) if self._remedies else Remedied(record.fields, ())

    def map(self, records: Sequence[Record], people: People) -> list[Mapped | Refused]:
        """Every record, in order: mapped, or refused with a cause. No record can stop another."""
        return [self._one(record, people) for record in records]

    def _one(self, record: Record, people: People) -> Mapped | Refused:
        source: Mapping[str, Any] = record.fields
        defects: tuple[str, ...] = ()
        if not self._steps:  # no rule was written: it goes as it is
            return Mapped(record.key, record.fields, None, {}, ())
        if self._remedies is not None:
            try:
                source, defects = self._remedies.apply(source)
            except DefectFailed as failed:
                return Refused(record.key, f"defect {failed.defect}: {_cause(failed.error)}", "")
        refs: list[Ref] = []
        out: dict[str, Any] = {}
        status_fields: dict[str, Any] = {}
        status = None
        name = ""
        try:
            for name, make in self._fields:
                value = make(source, people, refs)
                if value is not ABSENT and value is not DROPPED:
                    out[name] = value
            if self._status is not None:
                name = "status"
                value = self._status(source, people, refs)
                status = None if value is None or isinstance(value, Absent) else str(value)
                for name, make in self._status_fields:
                    value = make(source, people, refs)
                    if value is not ABSENT and value is not DROPPED:
                        status_fields[name] = value
            for tie, read in self._ties:
                name = tie.from_
                refs.extend(_ties(tie, read(source)))
        except Exception as error:  # noqa: BLE001 - whatever a rule meets, it is this record's matter alone
            return Refused(record.key, f"{name}: {_cause(error)}", name, defects)
        return Mapped(record.key, out, status, status_fields, tuple(refs), defects)

    def trace(self, record: Record, people: People) -> list[Traced]:
        """How each target field comes to be, in order. A rule that refuses the record says why."""
        fields = self._seen(record)
        return [self._traced(step, fields, people) for step in self._steps]

    def rule_of(self, field: str) -> tuple[str, str]:
        """The rule that makes this target field, in words, and its file:line:column; both empty where none does."""
        step = next((step for step in self._steps if step.name == field), None)
        return (in_words(step.rule), self._where(step.path)) if step else ("", "")

    def _traced(self, step: _Step, fields: Mapping[str, Any], people: People) -> Traced:
        value: Any = ABSENT
        refusal = ""
        try:
            value = step.make(fields, people, [])
        except Exception as error:  # noqa: BLE001
            refusal = _cause(error)
        return Traced(step.name, in_words(step.rule), step.sources, self._where(step.path), value, refusal)


def _tie_kinds(ties: Sequence[Tie], fields: Mapping[str, str]) -> tuple[Ref, ...]:
    """Every kind of tie that records of this entity can have; `key` is empty."""
    kinds = [
        Ref(tie.link, "link", tie.to, "") if tie.link is not None else Ref(tie.field or "", "field", tie.to, "")
        for tie in ties
    ]
    return (*kinds, *(Ref(target, "field", to, "") for target, to in fields.items()))


def _ties(tie: Tie, value: Any) -> Iterator[Ref]:
    if is_empty(value):
        return
    for item in value if isinstance(value, list | tuple) else (value,):
        if tie.link is not None:
            yield Ref(tie.link, "link", tie.to, identity_of(item))
        else:
            yield Ref(tie.field or "", "field", tie.to, identity_of(item))


def _cause(error: Exception) -> str:
    """A cause without a value: our own words, or the kind of what went wrong."""
    if isinstance(error, Refusal | TextError):
        return str(error)
    if isinstance(error, ExpressionFailed):
        return f"expression failed ({error})"
    return f"rule failed ({type(error).__name__})"


# ---------------------------------------------------------------- compiling


def compile_entity(
    pair: EntityPair,
    *,
    where: Callable[[Path], str],
    secret: bytes,
    max_lengths: Mapping[str, int] | None = None,
    documents: Callable[[str], bool] = lambda entity: False,
) -> Mapper:
    """Compile the mapping of an entity, its children's included.

    `where` gives file:line:column of a path inside the entity, such as ("fields", "project", "when", 0, "if").
    `secret` keys the hashes of masked fields. `max_lengths`: characters the target's fields take, where it says so;
    text beyond them refuses the record unless its rule has `truncate`. `documents`: whether an entity of the target
    takes rich text encoded (see `Traits`).
    Raises MappingError with all that is wrong with the expressions, ValueError when the secret is empty.
    """
    if not secret:
        raise ValueError("masked fields are hashed with a secret, and it is empty")
    problems: list[str] = []
    children = [
        _compile_child(child, ("children", number), where, secret, problems, documents(child.target))
        for number, child in enumerate(pair.children)
    ]
    mapper = _compile(
        Compiler(where, secret, documents(pair.target.entity), problems),
        pair.fields,
        (),
        pair.status,
        pair.references,
        children,
        max_lengths,
        pair.label,
        pair.defects,
    )
    if problems:
        raise MappingError(problems)
    return mapper


def _compile_child(
    child: Child, path: Path, where: Callable[[Path], str], secret: bytes, problems: list[str], documents: bool
) -> Mapper:
    compiler = Compiler(lambda inside: where((*path, *inside)), secret, documents, problems)
    first = {} if child.body is None else {"body": child.body}
    return _compile(compiler, child.fields, first, None, (), (), None, "", ())


def _compile(
    compiler: Compiler,
    fields: Mapping[str, AnyRule],
    first: Mapping[str, AnyRule] | tuple[()],
    status: StatusRule | None,
    ties: Sequence[Tie],
    children: Sequence[Mapper],
    max_lengths: Mapping[str, int] | None,
    label: str,
    defects: Sequence[Defect],
) -> Mapper:
    steps = [_step(compiler, name, rule, (name,), max_lengths) for name, rule in dict(first).items()]
    steps += [_step(compiler, name, rule, ("fields", name), max_lengths) for name, rule in fields.items()]
    remedies = Remedies(defects, compiler)
    return Mapper(
        fields=steps,
        status=_step(compiler, "status", status.rule, ("status",), None) if status else None,
        status_fields=[
            _step(compiler, name, rule, ("status", "fields", name), max_lengths)
            for name, rule in (status.fields if status else {}).items()
        ],
        ties=ties,
        children=children,
        compiler=compiler,
        label=label,
        remedies=remedies,
    )


def _step(compiler: Compiler, name: str, rule: AnyRule, path: Path, max_lengths: Mapping[str, int] | None) -> _Step:
    # Compiled into a set of its own first, to know which sources this one field has.
    own = Compiler(compiler.where, compiler.secret, compiler.documents, compiler.problems)
    make = own.rule(rule, path, name)
    compiler.needs |= own.needs
    compiler.people |= own.people
    compiler.references |= own.references
    compiler.reference_fields |= own.reference_fields
    if max_lengths and name in max_lengths:
        make = _checked(make, max_lengths[name])
    return _Step(name, make, rule, tuple(sorted(own.needs)), path)


def _checked(make: Make, limit: int) -> Make:
    def checked(fields: Mapping[str, Any], people: People, refs: list[Ref]) -> Any:
        value = make(fields, people, refs)
        if isinstance(value, list):
            for item in value:
                convert.check_length(item, limit)
            return value
        return convert.check_length(value, limit)

    return checked
