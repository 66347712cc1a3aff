"""A rule in words, for people who look at one record."""

from __future__ import annotations

from runbooks.rules import (
    AnyRule,
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
    RichText,
    Split,
    Template,
    ToReference,
    ValueMap,
    When,
)


def in_words(rule: AnyRule) -> str:
    """One line that says what the rule does."""
    extra = []
    if rule.mask:
        extra.append(f"mask: {rule.mask}")
    if rule.truncate:
        extra.append(f"at most {rule.truncate} characters")
    if rule.has_default:
        extra.append("with a default")
    return ", ".join([_source(rule), *extra])


def _source(rule: AnyRule) -> str:
    if isinstance(rule, FromRule):
        how = _conversion(rule)
        return f"{rule.from_}, {how}" if how else f"{rule.from_}, as it is"
    if isinstance(rule, Constant):
        return "a constant"
    if isinstance(rule, Template):
        shape = f", {rule.rich_text.from_} to {rule.rich_text.to}" if rule.rich_text else ""
        return "a template" + shape + (", made a label" if rule.slug else "")
    if isinstance(rule, Cel):
        return f"the expression {rule.cel}"
    if isinstance(rule, ListOf):
        return "a list of " + "; ".join(in_words(part) for part in rule.rules)
    return _when(rule)


def _when(rule: When) -> str:
    cases = "; ".join(f"{in_words(case.then)} if {case.if_}" for case in rule.cases)
    return f"{cases}; else {in_words(rule.else_)}" if rule.else_ is not None else cases


def _conversion(rule: FromRule) -> str:
    if isinstance(rule, ValueMap):
        n = len(rule.map)
        return f"by a map of {n} value" + "s" * (n != 1)
    if isinstance(rule, RichText):
        return f"{rule.rich_text.from_} to {rule.rich_text.to}"
    if isinstance(rule, Date):
        return f"a date from {rule.date.from_} ({rule.date.zone}) to {rule.date.to}"
    if isinstance(rule, Duration):
        return f"a duration from {rule.duration.from_} to {rule.duration.to}"
    if isinstance(rule, Person):
        return "a person, by e-mail address"
    if isinstance(rule, ToReference):
        return f"a reference to {rule.reference.to}, on the second pass"
    if isinstance(rule, Split):
        return "split into a list"
    if isinstance(rule, Join):
        return "joined to text"
    if isinstance(rule, Number):
        return "as a whole number" if rule.number == "int" else "as a number"
    if isinstance(rule, Boolean):
        return "as true or false"
    return ""
