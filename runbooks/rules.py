"""The rules that make one target field: each is one model, told apart by its keys.

A bare string is the short form of `from:`. In `then` and `else` of a `when`, a bare value is a constant.
A target field whose source is empty (absent, null or "") is left out, unless the rule has a `default`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from runbooks.base import Items, Model, Name, Text, Zone, unknown_key, wrong

Format: TypeAlias = Literal["plain", "html", "journal", "markdown", "adf", "wiki"]

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_PATTERN = "a pattern such as '%d.%m.%Y %H:%M'"


class BaseRule(Model):
    """What may accompany any rule."""

    default: JsonValue = None
    """The value when the source is empty. Without it, the target field is left out; `null` sends null."""
    mask: Literal["drop", "hash", "redact"] | None = None
    """Keep the value from the target: drop leaves the field out, hash sends a keyed hash, redact a fixed mark."""
    truncate: Annotated[int, Field(ge=1)] | None = None
    """Cut text to so many characters; without it, text that is too long for the target is refused."""

    @property
    def has_default(self) -> bool:
        """Whether a default was written; `default: null` is one."""
        return "default" in self.model_fields_set

    @model_serializer(mode="wrap")
    def _keep_a_null_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        out: dict[str, Any] = handler(self)
        if self.has_default:
            out["default"] = self.default
        return out


class FromRule(BaseRule):
    """What takes one source field."""

    from_: Text = Field(alias="from")
    """The source field; a dotted name walks a reference (assignment_group.name)."""


# ---------------------------------------------------------------- from, and at most one conversion


class Rename(FromRule):
    """The source field as it is."""


class ValueMap(FromRule):
    """The source's values to the target's."""

    map: dict[str, JsonValue] = Field(min_length=1)
    """Source value: target value. Keys are text; a value that is not in the map goes by `else`."""
    else_: JsonValue = Field("quarantine", alias="else")
    """What a value outside the map becomes: quarantine (set the record aside), keep, drop, or this value."""


class Formats(Model):
    """From one way of writing rich text to another."""

    from_: Format = Field(alias="from")
    """How the source writes it."""
    to: Literal["plain", "html", "markdown", "adf"]
    """How the target wants it."""


class RichText(FromRule):
    """Formatted text."""

    rich_text: Formats
    """The source's format and the target's."""


class DateForm(Model):
    """How a date is read and written."""

    from_: str = Field("servicenow", alias="from")
    """How the source writes it: servicenow (2024-01-31 10:00:00), iso, epoch_ms, or a pattern (%d.%m.%Y %H:%M)."""
    zone: Zone = "UTC"
    """The zone of a source value that carries no offset."""
    to: str = "iso"
    """How the target wants it: iso, date, epoch_ms, jira (2024-01-31T10:00:00.000+0000), servicenow, or a pattern."""
    to_zone: Zone | None = None
    """The zone of what goes out, which decides the day of a `date`; without it, `zone`."""

    @model_validator(mode="after")
    def _known_forms(self) -> Self:
        for key, value, words in (
            ("from", self.from_, ("servicenow", "iso", "epoch_ms")),
            ("to", self.to, ("iso", "date", "epoch_ms", "jira", "servicenow")),
        ):
            if value not in words and "%" not in value:
                raise wrong(f"unknown date form '{value}'; expected one of {', '.join(words)}, or {_PATTERN}", key)
        return self


class Date(FromRule):
    """A date or a moment."""

    date: DateForm
    """How it is read and written."""


class DurationForm(Model):
    """How a duration is read and written."""

    from_: Literal["servicenow", "seconds", "iso"] = Field(alias="from")
    """How the source writes it."""
    to: Literal["seconds", "minutes", "jira", "iso", "servicenow"]
    """How the target wants it."""


class Duration(FromRule):
    """A length of time."""

    duration: DurationForm
    """How it is read and written."""


class Person(FromRule):
    """A person, found at the target by e-mail address."""

    person: Literal[True]
    """The source field holds a person."""
    else_: Text = Field("quarantine", alias="else")
    """When the target does not know the person: quarantine, drop, keep (the source's id), or this account's id."""


class ReferenceTo(Model):
    """Where a reference points."""

    to: Name
    """The entity of this migration whose record the source field names."""


class ToReference(FromRule):
    """The target's id of a record that another entity moves; filled in on the second pass."""

    reference: ReferenceTo
    """Where it points."""


class Split(FromRule):
    """Text to a list."""

    split: Text
    """What stands between the parts; each part is trimmed, empty ones are left out."""


class Join(FromRule):
    """A list to text."""

    join: str
    """What to put between the parts."""


class Number(FromRule):
    """Text to a number."""

    number: Literal["int", "float"]
    """The kind of number."""


class Boolean(FromRule):
    """Text to true or false."""

    boolean: Literal[True]
    """The source field holds true or false, 1 or 0, yes or no."""


# ---------------------------------------------------------------- the other sources of a value


class Constant(BaseRule):
    """The same value for every record."""

    constant: JsonValue
    """The value."""


class Template(BaseRule):
    """Text with source fields in it."""

    template: Text
    """The text; {field} and {reference.field} are filled in, {{ and }} are braces."""
    slug: bool = False
    """Make a label of it: no spaces, letters of any script kept."""
    rich_text: Formats | None = None
    """Convert the finished text."""

    @model_validator(mode="after")
    def _plain_placeholders(self) -> Self:
        for part in _PLACEHOLDER.findall(self.template):
            if part in "{}":
                raise wrong(f"a lone '{part}' in the template; write '{part * 2}' for the character itself", "template")
            if part[0] == "{" and part != "{{" and (not part[1:-1].strip() or set(part) & set("!:[]")):
                raise wrong(f"'{part}' names no field; expected {{field}} or {{reference.field}}", "template")
        if self.slug and self.rich_text:
            raise wrong("a label carries no formatting: 'slug' and 'rich_text' exclude each other", "slug")
        return self


class Cel(BaseRule):
    """An expression, for what no other rule says."""

    cel: Text
    """A CEL expression over the source's fields."""


class ListOf(BaseRule):
    """Several values in one field."""

    rules: Items[Rule] = Field(alias="list", min_length=1)
    """One rule for each part; parts that come out empty are left out, parts that are lists are joined on."""


class Case(Model):
    """One arm of a `when`."""

    if_: Text = Field(alias="if")
    """A CEL expression over the source's fields that is true or false."""
    then: ValueOrRule
    """The value, or the rule that makes it."""


class When(BaseRule):
    """The first case that holds decides."""

    cases: Items[Case] = Field(alias="when", min_length=1)
    """Cases, tried in order."""
    else_: OptionalValueOrRule = Field(None, alias="else")
    """When none holds: the value, or the rule that makes it. Without it, the source counts as empty."""


# ---------------------------------------------------------------- telling them apart

_SOURCES: dict[str, type[BaseRule]] = {
    "from": Rename,
    "constant": Constant,
    "template": Template,
    "cel": Cel,
    "list": ListOf,
    "when": When,
}
_CONVERSIONS: dict[str, type[BaseRule]] = {
    "map": ValueMap,
    "rich_text": RichText,
    "date": Date,
    "duration": Duration,
    "person": Person,
    "reference": ToReference,
    "split": Split,
    "join": Join,
    "number": Number,
    "boolean": Boolean,
}
_COMPANIONS = {"else": "map, person and when", "slug": "template", "default": "", "mask": "", "truncate": ""}


def parse_rule(value: Any) -> Any:
    """A rule from what a file says: a mapping, or the short form. Raises pydantic's ValidationError."""
    if isinstance(value, BaseRule):
        return value
    if isinstance(value, str) and value:
        return Rename.model_validate({"from": value})
    if not isinstance(value, dict):
        raise wrong("expected a source field's name or a rule, such as {from: priority} or {constant: 1}")
    return _class_of(value).model_validate(value)


def _class_of(value: dict[str, Any]) -> type[BaseRule]:
    for key in value:
        if key not in _SOURCES and key not in _CONVERSIONS and key not in _COMPANIONS:
            raise unknown_key(key, [*_SOURCES, *_CONVERSIONS, *_COMPANIONS])
    sources = [key for key in _SOURCES if key in value]
    conversions = [key for key in _CONVERSIONS if key in value]
    if not sources:
        missing = "'from', the source field" if conversions else f"one of {', '.join(_SOURCES)}"
        raise wrong(f"the rule does not say where its value comes from; expected {missing}")
    if len(sources) > 1:
        raise wrong(f"a value has one source, here are {len(sources)}: {', '.join(sources)}; keep one", sources[1])
    kind = _SOURCES[sources[0]]
    if sources == ["from"]:
        if len(conversions) > 1:
            raise wrong(f"a rule converts once, here are {len(conversions)}: {', '.join(conversions)}", conversions[1])
        if conversions:
            kind = _CONVERSIONS[conversions[0]]
    for key in value:
        if key not in kind.known_keys():
            raise _misplaced(key, conversions[0] if sources == ["from"] and conversions else sources[0])
    return kind


def _misplaced(key: str, beside: str) -> Exception:
    if key in _CONVERSIONS:
        return wrong(f"'{key}' goes with 'from', not with '{beside}'", key)
    return wrong(f"'{key}' goes with {_COMPANIONS[key]}, not with '{beside}'", key)


def _value_or_rule(value: Any) -> Any:
    if isinstance(value, dict | BaseRule):
        return value
    return Constant.model_validate({"constant": value})


AnyRule: TypeAlias = (
    Rename
    | ValueMap
    | RichText
    | Date
    | Duration
    | Person
    | ToReference
    | Split
    | Join
    | Number
    | Boolean
    | Constant
    | Template
    | Cel
    | ListOf
    | When
)
Rule: TypeAlias = Annotated[AnyRule, BeforeValidator(parse_rule, json_schema_input_type=Text | AnyRule)]
"""How one target field is made."""

_ValueInput: TypeAlias = str | int | float | bool | list[JsonValue] | AnyRule | None
_of_value = BeforeValidator(_value_or_rule, json_schema_input_type=_ValueInput)

ValueOrRule: TypeAlias = Annotated[AnyRule, BeforeValidator(parse_rule), _of_value]
"""A rule; a bare value is a constant."""

OptionalValueOrRule: TypeAlias = Annotated[AnyRule | None, BeforeValidator(parse_rule), _of_value]
"""The same, where nothing may be said at all; a written null is the constant null."""

for _model in (ListOf, Case, When):
    _model.model_rebuild()
