from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.contract import Record
from engine.mapping import Mapped, Ref, Refused
from engine.mapping.convert import slug

EMPTY = (None, "", [], {})
PRIORITY = {"from": "p", "map": {"1": "High", "true": "Yes"}}


def test_a_bare_name_renames(value: Any) -> None:
    assert value("a", {"a": "v"}) == "v"
    assert value("a", {"a": 0}) == 0
    assert value("a", {"a": False}) is False


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize(
    "rule",
    [
        {"from": "a"},
        PRIORITY | {"from": "a"},
        {"from": "a", "rich_text": {"from": "plain", "to": "adf"}},
        {"from": "a", "date": {}},
        {"from": "a", "duration": {"from": "iso", "to": "seconds"}},
        {"from": "a", "person": True},
        {"from": "a", "reference": {"to": "thing"}},
        {"from": "a", "split": ","},
        {"from": "a", "join": ","},
        {"from": "a", "number": "int"},
        {"from": "a", "boolean": True},
        {"template": "t {a}"},
        {"template": "t {a}", "rich_text": {"from": "plain", "to": "adf"}},
        {"cel": "a"},
        {"list": ["a"]},
        {"when": [{"if": "has(a)", "then": "v"}]},
    ],
    ids=str,
)
def test_an_empty_source_leaves_the_field_out_or_gives_the_default(value: Any, rule: Any, empty: Any) -> None:
    assert value(rule, {"a": empty}) == "left out"
    assert value(rule, {}) == "left out"
    assert value({**rule, "default": "d"}, {"a": empty}) == "d"
    assert value({**rule, "default": None}, {}) is None


def test_a_dotted_name_is_a_flat_key_or_a_walk(value: Any) -> None:
    assert value("a.b", {"a.b": "flat"}) == "flat"
    assert value("a.b", {"a": {"b": "nested"}}) == "nested"
    assert value("a.b", {"a": "text"}) == "left out"


def test_a_value_outside_the_map_sets_the_record_aside_by_its_cause_alone(run: Any) -> None:
    refused = run(PRIORITY, {"p": "secret-7"})
    assert refused == Refused("k1", "x: value not in the map", "x")


def test_else_keeps_drops_or_replaces(value: Any) -> None:
    assert value({**PRIORITY, "else": "keep"}, {"p": "7"}) == "7"
    assert value({**PRIORITY, "else": "drop", "default": "d"}, {"p": "7"}) == "left out"
    assert value({**PRIORITY, "else": "Low"}, {"p": "7"}) == "Low"
    assert value({**PRIORITY, "else": None}, {"p": "7"}) is None


def test_a_map_takes_numbers_booleans_and_lists(value: Any) -> None:
    assert value(PRIORITY, {"p": 1}) == "High"
    assert value(PRIORITY, {"p": True}) == "Yes"
    assert value({**PRIORITY, "else": "drop"}, {"p": ["1", "9"]}) == ["High"]


def test_an_empty_value_can_be_mapped_too(value: Any) -> None:
    assert value({"from": "p", "map": {"": "None", "1": "High"}}, {"p": ""}) == "None"


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("int", " 42 ", 42),
        ("int", "3.0", 3),
        ("int", 7, 7),
        ("int", "3.5", "x: not a whole number"),
        ("int", "1_000", "x: not a whole number"),
        ("int", True, "x: not a whole number"),
        ("float", "2.50", 2.5),
        ("float", "1e3", 1000.0),
        ("float", "nan", "x: not a number"),
        ("float", "1e999", "x: not a number"),
    ],
)
def test_numbers_are_exact_or_refused(value: Any, kind: str, given: Any, wanted: Any) -> None:
    assert value({"from": "a", "number": kind}, {"a": given}) == wanted


def test_booleans_are_words_digits_or_booleans(value: Any) -> None:
    rule = {"from": "a", "boolean": True}
    assert [value(rule, {"a": word}) for word in ("true", "1", "Yes", True, 1)] == [True] * 5
    assert [value(rule, {"a": word}) for word in ("false", "0", "NO", False, 0)] == [False] * 5
    assert value(rule, {"a": "maybe"}) == "x: neither true nor false"


def test_split_trims_and_join_joins(value: Any) -> None:
    assert value({"from": "a", "split": ","}, {"a": " x, y,,z "}) == ["x", "y", "z"]
    assert value({"from": "a", "join": "; "}, {"a": ["x", 2, True]}) == "x; 2; true"


def test_a_list_leaves_out_empty_parts_and_joins_lists_on(value: Any) -> None:
    rule = {"list": [{"constant": "m"}, {"from": "a", "split": ","}, "b", {"template": "t-{c}"}]}
    assert value(rule, {"a": "1,2", "b": "", "c": ""}) == ["m", "1", "2"]


def test_the_first_case_that_holds_decides(value: Any) -> None:
    rule = {"when": [{"if": 'a == "1"', "then": "one"}, {"if": 'a != ""', "then": {"from": "b"}}], "else": "none"}
    assert value(rule, {"a": "1"}) == "one"
    assert value(rule, {"a": "2", "b": "two"}) == "two"
    assert value(rule, {"a": ""}) == "none"


def test_an_if_that_is_neither_true_nor_false_refuses_the_record(value: Any) -> None:
    assert value({"when": [{"if": "a", "then": "v"}]}, {"a": "yes"}) == "x: an 'if' that is neither true nor false"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Service Desk", "Service-Desk"),
        ("a  b\tc", "a-b-c"),
        ("Мрежов отдел", "Мрежов-отдел"),
        ("हिन्दी टीम", "हिन्दी-टीम"),
        ("ﬁle №１", "file-No1"),
        (" - x - ", "x"),
        ("a\u202eb", "ab"),
    ],
)
def test_a_slug_keeps_letters_of_any_script_and_no_blanks(text: str, label: str) -> None:
    assert slug(text) == label


@settings(deadline=None)
@given(st.text(max_size=400))
def test_a_slug_is_always_a_label_and_stays_one(text: str) -> None:
    label = slug(text)
    assert len(label) <= 255 and not any(letter.isspace() for letter in label)
    assert slug(label) == label


def test_masks_hash_redact_and_drop(value: Any, mapper: Any) -> None:
    hashed = value({"from": "a", "mask": "hash"}, {"a": "secret"})
    assert len(hashed) == 32 and hashed == value({"from": "b", "mask": "hash"}, {"b": "secret"}) != "secret"
    assert value({"from": "a", "mask": "redact"}, {"a": "secret"}) == "[redacted]"
    assert value({"from": "a", "mask": "redact"}, {"a": ""}) == "left out"
    assert value({"from": "a", "mask": "drop", "default": "d"}, {"a": "secret"}) == "left out"
    assert mapper({"x": {"from": "a", "mask": "drop"}}).needs == ()


def test_a_masked_document_is_still_a_document(value: Any) -> None:
    rule = {"from": "a", "rich_text": {"from": "html", "to": "adf"}, "mask": "redact"}
    assert value(rule, {"a": "<b>secret</b>"})["content"][0]["content"] == [{"type": "text", "text": "[redacted]"}]


def test_text_longer_than_the_target_takes_is_refused_unless_the_rule_cuts_it(value: Any) -> None:
    long = {"a": "secret " * 10}
    assert value("a", long, max_lengths={"x": 20}) == "x: text longer than the target takes"
    assert value({"from": "a", "truncate": 20}, long, max_lengths={"x": 20}) == "secret secret secre…"
    assert value("a", {"a": "short"}, max_lengths={"x": 20}) == "short"


@pytest.mark.parametrize("source", ["plain", "html", "journal", "markdown", "wiki"])
def test_a_document_beyond_the_limit_is_refused_unless_the_rule_cuts_it(value: Any, source: str) -> None:
    rule = {"from": "a", "rich_text": {"from": source, "to": "adf"}}
    long = {"a": "word " * 7000}
    assert value(rule, long) == "x: text longer than the target takes"
    assert value({**rule, "truncate": 100}, long)["content"][0]["content"][0]["text"].endswith("…")


def test_references_wait_for_the_second_pass(run: Any) -> None:
    done = run(
        {"from": "parent", "reference": {"to": "thing"}},
        {"parent": "p1", "dup": {"id": "d1"}, "rel": ["r1", "r2"]},
        references=[{"from": "dup", "to": "thing", "link": "Duplicate"}, {"from": "rel", "to": "other", "field": "y"}],
    )
    assert "x" not in done.fields
    assert done.refs == (
        Ref("x", "field", "thing", "p1"),
        Ref("Duplicate", "link", "thing", "d1"),
        Ref("y", "field", "other", "r1"),
        Ref("y", "field", "other", "r2"),
    )


def test_people_are_found_by_the_lookup_and_else_says_what_when_not(value: Any, mapper: Any) -> None:
    rule = {"from": "a", "person": True}
    assert value(rule, {"a": "u1"}, {"u1": "acc1"}) == "acc1"
    assert value(rule, {"a": {"accountId": "u1"}}, {"u1": "acc1"}) == "acc1"
    assert value(rule, {"a": "u2"}, {"u2": None}) == "x: person not known at the target"
    assert value({**rule, "else": "drop", "default": "d"}, {"a": "u2"}) == "left out"
    assert value({**rule, "else": "keep"}, {"a": "u2"}) == "u2"
    assert value({**rule, "else": "acc9"}, {"a": "u2"}) == "acc9"
    assert value({**rule, "else": "drop"}, {"a": ["u1", "u2"]}, {"u1": "acc1"}) == ["acc1"]


def test_the_people_of_records_are_known_before_the_mapping(mapper: Any) -> None:
    compiled = mapper({"x": {"from": "a", "person": True}, "y": {"list": [{"from": "b.c", "person": True}]}})
    records = [Record("1", "", {"a": "u1", "b.c": ""}), Record("2", "", {"a": ["u2", "u1"], "b": {"c": "u3"}})]
    assert compiled.people == ("a", "b.c")
    assert compiled.people_in(records) == {"u1", "u2", "u3"}


def test_status_stands_beside_the_fields(mapper: Any) -> None:
    status = {"from": "s", "map": {"6": "Done"}, "fields": {"resolution": {"from": "c", "default": "Done"}}}
    done = mapper({"x": "a"}, status=status).map([Record("k", "", {"s": "6", "a": "v"})], {})[0]
    assert done == Mapped("k", {"x": "v"}, "Done", {"resolution": "Done"}, ())


def test_a_status_outside_the_map_is_refused_under_its_own_name(mapper: Any) -> None:
    refused = mapper({"x": "a"}, status={"from": "s", "map": {"6": "Done"}}).map([Record("k", "", {"s": "1"})], {})[0]
    assert refused == Refused("k", "status: value not in the map", "status")


def test_one_record_that_no_rule_takes_leaves_the_others_alone(mapper: Any) -> None:
    compiled = mapper({"x": {"from": "p", "map": {"1": "High"}}})
    fields: list[Any] = [{"p": "1"}, {"p": "9"}, {"p": {"odd": []}}, {"p": 1}]
    done = compiled.map([Record(str(n), "", f) for n, f in enumerate(fields)], {})
    assert [type(one).__name__ for one in done] == ["Mapped", "Refused", "Refused", "Mapped"]


@settings(deadline=None, max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("canary-7f3a"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "type"]), inner),
        max_leaves=6,
    )
)
def test_no_value_of_any_type_stops_a_chunk_or_shows_in_a_cause(mapper: Any, odd: Any) -> None:
    rules: list[Any] = ["a", PRIORITY | {"from": "a"}, {"from": "a", "date": {}}, {"from": "a", "number": "int"}]
    rules += [{"from": "a", "rich_text": {"from": source, "to": "adf"}} for source in ("html", "adf", "journal")]
    rules += [{"from": "a", "boolean": True}, {"from": "a", "person": True}, {"cel": "int(a) + 1"}, {"template": "{a}"}]
    rules += [{"from": "a", "duration": {"from": "servicenow", "to": "jira"}}, {"from": "a", "mask": "hash"}]
    for rule in rules:
        done = mapper({"x": rule}).map([Record("k", "", {"a": odd})], {})
        assert len(done) == 1
        assert not isinstance(done[0], Refused) or "canary" not in done[0].cause


def test_needs_are_all_the_fields_read_and_no_other(mapper: Any) -> None:
    compiled = mapper(
        {"x": {"template": "{a} {b.c}"}, "y": {"when": [{"if": 'd == "1"', "then": {"from": "e"}}], "else": "f"}},
        label="number",
        status="state",
        references=[{"from": "parent", "to": "thing", "link": "Relates"}],
        children=[{"entity": "note", "target": "comment", "body": "text", "fields": {"z": "w"}}],
    )
    assert compiled.needs == ("a", "b.c", "d", "e", "number", "parent", "state")
    assert compiled.references == ("parent",)
    assert compiled.children[0].needs == ("text", "w")


def test_a_trace_says_which_rule_made_what_also_of_a_refused_record(mapper: Any) -> None:
    compiled = mapper({"x": {"from": "p", "map": {"1": "High"}}, "y": "a"}, status="s")
    x, y, status = compiled.trace(Record("k", "", {"p": "9", "a": "v", "s": "Open"}), {})
    assert (x.field, x.rule, x.sources, x.where) == ("x", "p, by a map of 1 value", ("p",), "book.yaml:fields.x")
    assert x.refusal == "value not in the map"
    assert (y.value, y.refusal, status.value) == ("v", "", "Open")
