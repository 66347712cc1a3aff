from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions import ExpressionError, ExpressionFailed, compile_expression
from engine.mapping import MappingError
from engine.mapping.values import getter


def run(source: str, **fields: Any) -> Any:
    return compile_expression(source, getter).run(fields)


def test_fields_are_handed_in_by_name_and_dots_walk(value: Any) -> None:
    assert run('a == "x" && b.c == "y"', **{"a": "x", "b.c": "y"}) is True
    assert run("b.c[0].d", b={"c": [{"d": 5}]}) == 5
    assert compile_expression('a + b.c + [x][0] + "d" + e.lower()', getter).fields == ("a", "b.c", "x", "e")


def test_a_variable_of_a_macro_is_no_field() -> None:
    expression = compile_expression('a.split(",").map(t, t.trim()).filter(u, u != b).join(" ")', getter)
    assert expression.fields == ("a", "b")
    assert expression.run({"a": "x, y ,z", "b": "y"}) == "x z"


def test_has_says_whether_a_field_holds_anything() -> None:
    for empty in ("", None, [], {}):
        assert run("has(a.b)", **{"a.b": empty}) is False
    assert run("has(a)", a="0") is True


def test_a_field_only_named_like_a_function_is_a_field() -> None:
    assert run('type == "x" ? size : number', type="x", size="L") == "L"


def test_text_in_quotes_and_comments_are_no_fields() -> None:
    assert compile_expression('"a.b" + \'c\' + r"d\\e" // f', getter).fields == ()


def test_whole_numbers_and_decimals_are_not_rounded_silently() -> None:
    from decimal import Decimal

    assert run("a", a=2**80) == str(2**80)
    assert run("a", a=Decimal("0.1000000000000000000001")) == "0.1000000000000000000001"


@pytest.mark.parametrize(
    ("source", "place", "words"),
    [
        ("a ==", "line 1, column 5", "mismatched input"),
        ("a\n  + $", "line 2, column 5", "token recognition"),
        ("upcase(a)", "line 1, column 1", "unknown function 'upcase'"),
        ("a.exists(x, b.exists(y, x == y))", "line 1, column 13", "macro inside a macro"),
        ("a.exists(x, x.matches('y'))", "line 1, column 13", "matches"),
        ("a.matches(b)", "line 1, column 1", "literal pattern"),
        (r"a.matches('\\w{999}')", "line 1, column 1", "repeats"),
        ("a.matches('(')", "line 1, column 1", "not a valid pattern"),
        ("a.map(x, x).map(x, x).map(x, x)", "line 1", "more than 2 macros"),
        ("+".join(["a"] * 40), "line 1", "additions"),
        ("(" * 30 + "a" + ")" * 30, "line 1", "deep"),
        ("a" * 3000, "line 1, column 1", "2000"),
        ("[" + ",".join("1" * 200) + "].map(x, x)", "line 1", "list too long"),
        ("a.map(x, [" + ",".join("x" * 20) + "])", "line 1", "list too long"),
    ],
)
def test_what_is_wrong_or_without_bounds_is_told_at_load_with_its_place(source: str, place: str, words: str) -> None:
    with pytest.raises(ExpressionError) as error:
        compile_expression(source, getter)
    assert place in str(error.value) and words in str(error.value)


def test_all_wrong_expressions_of_a_playbook_are_told_at_once_with_file_and_line(mapper: Any) -> None:
    with pytest.raises(MappingError) as error:
        mapper({"x": {"cel": "a ="}, "y": {"when": [{"if": "b (", "then": "v"}]}})
    assert [problem.split(": ")[0] for problem in error.value.problems] == [
        "book.yaml:fields.x.cel",
        "book.yaml:fields.y.when.0.if",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0",
        "int(a)",
        "a * 2",
        "9223372036854775807 + int(b)",
        "bytes(a)",
        "duration('1h')",
        "a[5]",
        "timestamp(a)",
        "a.split('')",
        "[a].join(1)",
        "a.startsWith(1)",
    ],
)
def test_a_failure_names_its_kind_and_no_value(source: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ExpressionFailed) as error:
        run(source, a="canary-7f3a", b=1)
    assert "canary" not in str(error.value) and error.value.__cause__ is None
    assert "canary" not in caplog.text


def test_a_failure_refuses_the_record_alone(value: Any) -> None:
    assert value({"cel": "int(a)"}, {"a": "x"}) == "x: expression failed (RuntimeError)"


def test_values_beyond_the_bounds_are_refused_before_the_expression_runs() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    for odd in (deep, cyclic, ["x"] * 2_000, "x" * 200_000):
        with pytest.raises(ExpressionFailed, match="too"):
            run("size(a)", a=odd)


def test_a_result_beyond_the_bounds_is_refused() -> None:
    with pytest.raises(ExpressionFailed, match="too large"):
        run("+".join(["a"] * 30), a="x" * 10_000)


WORST = [
    "xs.map(x, [xs, xs, xs]).map(y, [y, y, y, y])",
    "xs.map(x, [xs, xs, xs, xs, xs]).map(y, y + y)",
    "xs.map(x, xs + xs + xs)",
    "xs.map(x, xs).map(y, y + y + y)",
    "xs.map(x, s + s).map(y, y + s)",
    'xs.map(x, s.replace("x", "yyy"))',
    's.split("x").map(x, s + s + s)',
    "+".join(["s"] * 33),
    f"xs.map(x, [{','.join(['s'] * 90)}])",
    r"s.matches('(\\w{50}){2}$') && s.matches('(\\pL{20}){9}$')",
]


@pytest.mark.parametrize("source", WORST, ids=range(len(WORST)))
def test_the_worst_that_is_allowed_ends_soon(source: str) -> None:
    start = time.process_time()
    with contextlib.suppress(ExpressionError, ExpressionFailed):
        run(source, xs=["abc"] * 100, s="x" * 32_000)
    assert time.process_time() - start < 5  # without the bounds: minutes


def test_there_is_no_way_out_of_the_sandbox() -> None:
    for source in ("a.__class__", "a.__class__.__mro__", "''.__class__"):
        with pytest.raises((ExpressionFailed, ExpressionError)):
            if run(source, a="x") == "":
                raise ExpressionFailed("a missing field is empty")
    for source in ("__import__('os')", "open('x')", "eval('1')", "a.format(a)", "getattr(a, 'b')"):
        with pytest.raises(ExpressionError, match="unknown function"):
            compile_expression(source, getter)


SCRAPS = "a b . ( ) [ ] { } , + - ! ? : < > = & | \" ' \n map( has( 'x' 1 in && a.b"


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(SCRAPS.split(" "))))
def test_any_text_is_an_expression_or_told_to_be_none(pieces: list[str]) -> None:
    with contextlib.suppress(ExpressionError, ExpressionFailed):
        run("".join(pieces), a="x", **{"a.b": ["y"]})
