"""The rules of target fields: what fits together, and the sentence for what does not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from runbooks import rules
from runbooks.rules import Rule

ADAPTER: TypeAdapter[Any] = TypeAdapter(Rule)


def refused(value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(value)
    return "\n".join(line["msg"] for line in caught.value.errors())


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("priority", rules.Rename),
        ({"from": "a", "map": {"1": "x"}, "else": None}, rules.ValueMap),
        ({"from": "a", "rich_text": {"from": "html", "to": "adf"}}, rules.RichText),
        ({"from": "a", "date": {"from": "%d.%m.%Y", "zone": "Europe/Sofia", "to": "jira"}}, rules.Date),
        ({"from": "a", "duration": {"from": "servicenow", "to": "seconds"}}, rules.Duration),
        ({"from": "a", "person": True, "else": "5b10a"}, rules.Person),
        ({"from": "a", "reference": {"to": "incident"}}, rules.ToReference),
        ({"from": "a", "split": ","}, rules.Split),
        ({"from": "a", "join": ""}, rules.Join),
        ({"from": "a", "number": "float"}, rules.Number),
        ({"from": "a", "boolean": True}, rules.Boolean),
        ({"constant": None}, rules.Constant),
        ({"template": "{{x}} {a.b}", "slug": True}, rules.Template),
        ({"cel": "a + b"}, rules.Cel),
        ({"list": ["a", {"constant": 1}]}, rules.ListOf),
        ({"when": [{"if": "a", "then": {"x": 1}["x"]}], "else": {"from": "b"}}, rules.When),
    ],
)
def test_a_rule_is_told_by_its_keys_and_takes_what_may_accompany_any(written: Any, kind: type) -> None:
    assert type(ADAPTER.validate_python(written)) is kind
    if isinstance(written, dict):
        full = ADAPTER.validate_python(written | {"default": 0, "mask": "hash", "truncate": 255})
        assert type(full) is kind and full.has_default and full.mask == "hash" and full.truncate == 255


def test_a_null_that_was_written_is_not_the_same_as_nothing() -> None:
    assert ADAPTER.validate_python({"from": "a", "default": None}).has_default
    assert not ADAPTER.validate_python({"from": "a"}).has_default
    assert ADAPTER.validate_python({"from": "a", "map": {"1": 2}}).else_ == "quarantine"
    assert ADAPTER.validate_python({"from": "a", "map": {"1": 2}, "else": None}).else_ is None
    case = {"when": [{"if": "a", "then": None}]}
    assert ADAPTER.validate_python(case).else_ is None
    assert ADAPTER.validate_python(case | {"else": None}).else_ == rules.Constant(constant=None)


def test_a_bare_value_in_a_when_is_a_constant_and_in_a_list_a_source_field() -> None:
    when = ADAPTER.validate_python({"when": [{"if": "a", "then": "INFRA"}], "else": ["x"]})
    assert when.cases[0].then == rules.Constant(constant="INFRA") and when.else_ == rules.Constant(constant=["x"])
    assert type(ADAPTER.validate_python({"list": ["a"]}).rules[0]) is rules.Rename


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (3, "expected a source field's name or a rule"),
        ("", "expected a source field's name or a rule"),
        ({}, "does not say where its value comes from; expected one of from, constant"),
        ({"map": {"1": "x"}}, "does not say where its value comes from; expected 'from', the source field"),
        ({"form": "a"}, "unknown key 'form'"),
        ({"from": "a", "cel": "b"}, "a value has one source, here are 2: from, cel"),
        ({"from": "a", "map": {"1": 2}, "split": ","}, "a rule converts once, here are 2: map, split"),
        ({"cel": "a", "map": {"1": 2}}, "'map' goes with 'from', not with 'cel'"),
        ({"from": "a", "slug": True}, "'slug' goes with template, not with 'from'"),
        ({"from": "a", "else": "x"}, "'else' goes with map, person and when, not with 'from'"),
        ({"constant": 1, "else": 2}, "'else' goes with map, person and when, not with 'constant'"),
        ({"template": "{a}", "slug": True, "rich_text": {"from": "plain", "to": "adf"}}, "exclude each other"),
        ({"template": "a { b"}, "a lone '{' in the template; write '{{'"),
        ({"template": "{a} }"}, "a lone '}' in the template; write '}}'"),
        ({"template": "{ }"}, "'{ }' names no field"),
        ({"template": "{a!r}"}, "'{a!r}' names no field"),
        ({"from": "a", "date": {"zone": "Europe/Sofa"}}, "unknown time zone 'Europe/Sofa'"),
        ({"from": "a", "date": {"to": "jirra"}}, "unknown date form 'jirra'; expected one of iso, date"),
        ({"from": "a", "truncate": 0}, "greater than or equal to 1"),
        ({"from": "a", "person": False}, "True"),
        ({"from": "a", "number": "decimal"}, "'int' or 'float'"),
        ({"list": []}, "at least 1"),
        ({"from": "a", "map": {}}, "at least 1"),
        ({"when": [{"if": "a"}]}, "missing key 'then'"),
    ],
)
def test_what_does_not_fit_together_gets_a_sentence(written: Any, told: str) -> None:
    assert told in refused(written)


def test_rules_may_stand_in_rules_and_each_mistake_is_found() -> None:
    told = refused({"when": [{"if": "a", "then": {"form": 1}}, {"if": "b", "then": {"list": [{"cel": ""}, 4]}}]})
    assert "unknown key 'form'" in told and "at least 1 character" in told and "expected a source field's name" in told
